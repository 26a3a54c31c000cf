-- When people are reminded of a request stands in its row, as its other times do. Before, the API said when a reminder
-- is sent and the worker whether it is due. If their settings differed, the reminder was lost.

ALTER TABLE delete_all_settings
  -- After so long without an answer, the platform team is reminded.
  ADD COLUMN remind_after interval NOT NULL DEFAULT '24 hours'
    CHECK (remind_after BETWEEN '1 second' AND '30 days'),
  -- So long before the end of the window, its admins are reminded.
  ADD COLUMN closing_reminders interval[] NOT NULL DEFAULT '{24 hours,2 hours}'
    CHECK ('1 second' <= ALL (closing_reminders) AND '30 days' >= ALL (closing_reminders));

-- Requests that exist get the defaults.
ALTER TABLE delete_all_requests
  ADD COLUMN remind_after interval NOT NULL DEFAULT '24 hours',
  ADD COLUMN closing_reminders interval[] NOT NULL DEFAULT '{24 hours,2 hours}';

-- As in 0027, whose session may be another one.
CREATE OR REPLACE FUNCTION pg_temp.change_function(p_function regprocedure, p_old text, p_new text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  body constant text := pg_get_functiondef(p_function);
BEGIN
  IF (length(body) - length(replace(body, p_old, ''))) <> length(p_old) THEN
    RAISE EXCEPTION '% does not hold exactly once: %', p_function, p_old;
  END IF;
  EXECUTE replace(body, p_old, p_new);
END $$;

SELECT pg_temp.change_function('begin_request()', 'NEW.window_length := settings.window_length;',
  'NEW.window_length := settings.window_length;
  NEW.remind_after := settings.remind_after;
  NEW.closing_reminders := settings.closing_reminders;');
SELECT pg_temp.change_function('guard_delete_all()', '(NEW.asked_at, NEW.lapses_at, NEW.window_length)',
  '(NEW.asked_at, NEW.lapses_at, NEW.window_length, NEW.remind_after, NEW.closing_reminders)');
SELECT pg_temp.change_function('guard_delete_all()', '(OLD.asked_at, OLD.lapses_at, OLD.window_length)',
  '(OLD.asked_at, OLD.lapses_at, OLD.window_length, OLD.remind_after, OLD.closing_reminders)');
