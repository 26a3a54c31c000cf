export interface ServerEvent {
  id: string;
  event: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever came
  data: any;
}

export interface EventReader {
  status: number;
  headers: Headers;
  /** Waits for the next event; undefined once the stream has ended. */
  next: () => Promise<ServerEvent | undefined>;
  /** All text received so far, comments included. */
  text: () => string;
  close: () => void;
}

/** Opens a stream of server-sent events, with a key or the cookie of a session. */
export const openEvents = async (
  url: string,
  caller: string | { cookie: string },
  lastEventId?: string,
): Promise<EventReader> => {
  const aborter = new AbortController();
  const response = await fetch(url, {
    headers: {
      ...(typeof caller === 'string' ? { authorization: `Bearer ${caller}` } : caller),
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
    signal: aborter.signal,
  });
  const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let rest = '';
  const nextBlock = async (): Promise<string | undefined> => {
    while (!rest.includes('\n\n')) {
      const chunk = await chunks?.read();
      if (chunk === undefined || chunk.done) return undefined;
      text += chunk.value;
      rest += chunk.value;
    }
    const end = rest.indexOf('\n\n');
    const block = rest.slice(0, end);
    rest = rest.slice(end + 2);
    return block;
  };
  return {
    status: response.status,
    headers: response.headers,
    text: () => text,
    close: () => aborter.abort(),
    next: async () => {
      for (;;) {
        const block = await nextBlock();
        if (block === undefined) return undefined;
        const event = parse(block);
        if (event !== undefined) return event;
      }
    },
  };
};

const parse = (block: string): ServerEvent | undefined => {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  const { id, event, data } = fields;
  if (data === undefined) return undefined;
  return { id: id ?? '', event: event ?? '', data: JSON.parse(data) };
};
