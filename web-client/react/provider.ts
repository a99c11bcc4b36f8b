import { createContext, createElement, type ReactNode, useContext, useEffect, useState } from 'react'
import { RealtimeClient, type RealtimeOptions } from '../sdk/index.ts'

const RealtimeContext = createContext<RealtimeClient | null>(null)

export type RealtimeProviderProps = { readonly children?: ReactNode } & (
  | { readonly client: RealtimeClient }
  | { readonly options: RealtimeOptions }
)

/**
 * Gives the hooks below it their client: one of yours, or one that it makes of `options` when it is mounted first (a change of them
 * needs another `key`). It connects while it is mounted.
 */
export function RealtimeProvider(props: RealtimeProviderProps): ReactNode {
  const [own] = useState(() => ('client' in props ? null : new RealtimeClient(props.options)))
  const client = 'client' in props ? props.client : own!
  useConnected(client)
  return createElement(RealtimeContext.Provider, { value: client }, props.children)
}

/** Holders of a client: strict mode mounts twice, and one client may stand under two providers. */
const holders = new WeakMap<RealtimeClient, number>()

export function useConnected(client: RealtimeClient | null): void {
  useEffect(() => {
    if (client === null) return
    holders.set(client, (holders.get(client) ?? 0) + 1)
    // Why it could not is told by useRealtimeConnection; the client tries again.
    client.connect().catch(() => undefined)
    return () => {
      holders.set(client, holders.get(client)! - 1)
      // A mount that follows at once keeps the connection.
      setTimeout(() => {
        if (holders.get(client) === 0) void client.disconnect()
      })
    }
  }, [client])
}

export function useOptionalClient(): RealtimeClient | null {
  return useContext(RealtimeContext)
}

/** The client of the nearest {@link RealtimeProvider}. */
export function useRealtimeClient(): RealtimeClient {
  const client = useContext(RealtimeContext)
  if (client === null) throw new Error('this hook needs a <RealtimeProvider> above it')
  return client
}
