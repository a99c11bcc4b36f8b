import type { Client, PublishPacket } from 'aedes'
import { type Principal, principalOf } from '../../contract/index.ts'
import { ownerOf } from '../client-namespace.ts'
import type { Connection, Connections } from '../connections.ts'
import type { WillSender } from './admit.ts'

/** Who a published packet comes from. */
export interface Sender {
  readonly principal: Principal
  /** Null for the will of a connection that ended with an earlier process. */
  readonly connection: Connection | null
  readonly isWill: boolean
}

interface WillPacket {
  sender?: WillSender
  clientId?: string
}

/** Aedes authorizes wills through the same hook: with the client while it knows it, with null after a restart. */
export function senderOf(client: Client | null, packet: PublishPacket, connections: Connections): Sender | null {
  const { sender, clientId } = packet as WillPacket
  const connection = client === null ? undefined : connections.of(client)
  if (connection !== undefined) return { principal: connection.principal, connection, isWill: sender !== undefined }
  if (sender === undefined || clientId === undefined) return null
  const owner = ownerOf(clientId)
  if (owner === null || owner.org !== sender.org || owner.sub !== sender.sub) return null
  const { org, sub, role, devices, acl } = sender
  return {
    principal: principalOf({ org, sub, role, devices: [...devices], acl: [...acl], exp: 0 }),
    connection: null,
    isWill: true,
  }
}
