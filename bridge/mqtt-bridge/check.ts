import mqtt from 'mqtt'
import { clientOptions } from './connection.ts'
import type { BridgeSettings } from './settings.ts'

/**
 * Whether the other broker lets this bridge in. Under a client id of its own, so that the bridge that runs stays connected.
 * @throws Error with what is wrong
 */
export async function checkBridge(settings: BridgeSettings): Promise<void> {
  const client = await mqtt.connectAsync(
    settings.url,
    clientOptions({ ...settings, clientId: `${settings.clientId}-check`, cleanSession: true }),
    false,
  )
  await client.endAsync()
}
