/**
 * The part of the SDK that this peer uses. The SDK is installed in `bench/` only when it is
 * measured.
 */
declare module '@dbos-inc/dbos-sdk' {
  interface StepConfig {
    name: string;
    retriesAllowed?: boolean;
    maxAttempts?: number;
  }

  export const DBOS: {
    setConfig: (config: { name: string; systemDatabaseUrl: string; logLevel?: string }) => void;
    launch: () => Promise<void>;
    shutdown: () => Promise<void>;
    registerWorkflow: <Args extends unknown[], Result>(
      workflow: (...args: Args) => Promise<Result>,
      config: { name: string },
    ) => (...args: Args) => Promise<Result>;
    runStep: <Result>(step: () => Promise<Result>, config: StepConfig) => Promise<Result>;
  };
}
