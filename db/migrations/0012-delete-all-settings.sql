-- What decides over deleting everyone, written by the owner and by nobody else: API and worker read it,
-- so neither can be started with rules of its own.
CREATE TABLE delete_all_settings (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- A larger share of a workspace than this is nearly everyone.
  percent numeric NOT NULL DEFAULT 90 CHECK (percent BETWEEN 1 AND 100),
  -- Of a workspace that never had so many users, everyone may be deleted without an approval.
  least_users int NOT NULL DEFAULT 75 CHECK (least_users >= 1),
  -- For so long a deletion without an approval counts together with those after it.
  memory interval NOT NULL DEFAULT '7 days' CHECK (memory BETWEEN '1 second' AND '30 days'),
  -- How long a window is open, from its approval on.
  window_length interval NOT NULL DEFAULT '3 days' CHECK (window_length BETWEEN '1 second' AND '30 days'),
  -- How long a request waits for an answer.
  lapse interval NOT NULL DEFAULT '14 days' CHECK (lapse BETWEEN '1 second' AND '30 days')
);
INSERT INTO delete_all_settings DEFAULT VALUES;
GRANT SELECT ON delete_all_settings TO keepsake_app;
