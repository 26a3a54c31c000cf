import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useApi } from '../../api/services.tsx';
import { useRetriedCall } from '../../api/use-retried-call.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { CallNotice } from '../../page/call-notice.tsx';
import { Fact } from '../../page/facts.tsx';
import { isActive, type Job } from '../job.ts';
import { noMailWordsOf } from './mail-words.ts';

type Mail = Job['mail'][number];

const MAIL_WORDS: Readonly<Record<Mail['state'], string>> = {
  accepted: 'Sent',
  waiting: 'Not sent yet, tried again',
  refused: 'Refused by the mail provider',
  givenUp: 'Given up: the mail provider did not take it for a day',
};

/** What became of the mail about the end of a job. An ended job can be mailed again. */
export const MailFact = ({ job }: { job: Job }) => {
  const mail = job.mail.at(-1);
  if (mail === undefined) return <Fact name="Mail">{noMailWordsOf(job)}</Fact>;
  const isStuck = mail.state === 'refused' || mail.state === 'givenUp';
  return (
    <Fact name="Mail">
      {MAIL_WORDS[mail.state]} <Timestamp at={mail.since} />
      {mail.reason !== null && mail.state !== 'accepted' && (
        <>
          {' '}
          (<code>{mail.reason}</code>)
        </>
      )}
      {isStuck && !isActive(job) && <SendAgain id={job.id} />}
    </Fact>
  );
};

const SendAgain = ({ id }: { id: string }) => {
  const api = useApi();
  const queries = useQueryClient();
  const init = { params: { path: { id } } };
  const { queryKey } = api.queryOptions('get', '/v1/jobs/{id}', init);
  const { mutateAsync } = api.useMutation('post', '/v1/jobs/{id}/notify');
  const { state, call, tryNow } = useRetriedCall(
    (_input: undefined, signal) => mutateAsync({ ...init, signal }),
    () => void queries.invalidateQueries({ queryKey }),
  );
  return (
    <div>
      <Button
        variant="default"
        size="xs"
        mt="xs"
        loading={state.status === 'sending'}
        onClick={() => call(undefined)}
      >
        Send again
      </Button>
      <CallNotice state={state} isKeyed={false} onTryNow={tryNow} />
    </div>
  );
};
