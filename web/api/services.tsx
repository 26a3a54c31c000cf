import { createContext, type ReactNode, useContext, useSyncExternalStore } from 'react';
import type { Api } from './client.ts';
import type { Session, SessionState } from './session.ts';
import type { Me } from './session-info.ts';

export interface Services {
  api: Api;
  session: Session;
}

const ServicesContext = createContext<Services | undefined>(undefined);

export const ServicesProvider = ({
  services,
  children,
}: {
  services: Services;
  children: ReactNode;
}) => <ServicesContext value={services}>{children}</ServicesContext>;

export const useApi = (): Api => useServices().api;

export const useSession = (): Session => useServices().session;

export const useSessionState = (): SessionState => {
  const session = useSession();
  return useSyncExternalStore(session.subscribe, session.state);
};

/** The person that is signed in. Only for pages inside the frame. */
export const useMe = (): Me => {
  const state = useSessionState();
  if ('info' in state) return state.info.me;
  throw new Error('This page needs a session: put its route below the frame');
};

const useServices = (): Services => {
  const services = useContext(ServicesContext);
  if (services === undefined) throw new Error('ServicesProvider is missing above this part');
  return services;
};
