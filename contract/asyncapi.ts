import { CHANNEL_NAMES, CHANNELS, type Channel, type ChannelName, type Rights } from './channels.ts'
import { ID_PATTERN, ORG_PATTERN } from './ids.ts'

type Json = Record<string, unknown>

/** What stands for each parameter of a topic. */
export const PARAMETERS: Readonly<Record<string, string>> = {
  org: `Organisation, ${ORG_PATTERN.source}`,
  deviceId: `Device, ${ID_PATTERN.source}`,
  fenceId: `Fence, ${ID_PATTERN.source}`,
  alertId: `SOS alert, ${ID_PATTERN.source}`,
  commandId: `Command, ${ID_PATTERN.source}`,
  incidentId: `Incident, ${ID_PATTERN.source}`,
  userId: `User or device, the sub of a token, ${ID_PATTERN.source}`,
  component: 'Home Assistant’s kind of entity: device_tracker, sensor',
  nodeId: 'Device, its id as Home Assistant takes it',
  objectId: 'What Home Assistant calls the entity',
  event: 'What happened',
  action: 'What is done',
}

/** The parameters of a template in order: name, and the values it may take where they are listed. */
export function parametersOf(template: string): { name: string; choices?: string[] }[] {
  return [...template.matchAll(/\{(\w+)(?::([^}]+))?\}/g)].map(([, name, choices]) =>
    choices === undefined ? { name: name! } : { name: name!, choices: choices.split('|') },
  )
}

/** Who may, in words: `device (its own), dispatcher`. */
export function rightsInWords(rights: Rights): string {
  const scopes = { own: ' (its own)', granted: ' (granted devices)', any: '' }
  return Object.entries(rights)
    .map(([role, scope]) => `${role}${scopes[scope]}`)
    .join(', ')
}

/** The AsyncAPI 3.0 document of the MQTT interface, made from the channel table. `receive` = the platform receives. */
export function asyncApiDocument(version: string): Json {
  const channels: Json = {}
  const operations: Json = {}
  const messages: Json = {}
  for (const name of CHANNEL_NAMES) {
    const channel: Channel = CHANNELS[name]
    channels[name] = describeChannel(name, channel)
    messages[name] = describeMessage(name, channel)
    Object.assign(operations, describeOperations(name, channel))
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Trackwire MQTT interface',
      version,
      description:
        'Live GPS tracking over MQTT 3.1 and 3.1.1. CONNECT carries a JWT as the password. With QoS 1 the PUBACK of a stored channel means committed.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      tcp: {
        host: '127.0.0.1:1883',
        protocol: 'mqtt',
        protocolVersion: '3.1.1',
        security: [{ $ref: '#/components/securitySchemes/jwt' }],
      },
      webSocket: {
        host: '127.0.0.1:8080',
        pathname: '/mqtt',
        protocol: 'ws',
        security: [{ $ref: '#/components/securitySchemes/jwt' }],
      },
    },
    channels,
    operations,
    components: {
      messages,
      securitySchemes: {
        jwt: { type: 'userPassword', description: 'The JWT is the MQTT password; the user name is free.' },
      },
    },
  }
}

function describeChannel(name: ChannelName, { template, summary }: Channel): Json {
  const parameters: Json = {}
  for (const { name: parameter, choices } of parametersOf(template)) {
    parameters[parameter] = { description: PARAMETERS[parameter], ...(choices ? { enum: choices } : {}) }
  }
  return {
    address: template.replaceAll(/\{(\w+):[^}]+\}/g, '{$1}'),
    description: summary,
    parameters,
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
  }
}

function describeMessage(name: ChannelName, { payload, summary }: Channel): Json {
  return {
    name,
    summary,
    contentType: payload === null ? 'text/plain' : 'application/json',
    payload: payload === null ? { type: 'string' } : JSON.parse(JSON.stringify(payload)),
  }
}

function describeOperations(name: ChannelName, { publish, subscribe, qos, retain, stored }: Channel): Json {
  const channel = { $ref: `#/channels/${name}` }
  const messages = [{ $ref: `#/channels/${name}/messages/${name}` }]
  const bindings = { mqtt: { qos, retain } }
  const operations: Json = {}
  if (Object.keys(publish).length > 0) {
    const description = `May publish: ${rightsInWords(publish)}.${stored ? ' Committed before it is acknowledged.' : ''}`
    operations[`receive_${name}`] = { action: 'receive', channel, messages, bindings, description }
  }
  if (Object.keys(subscribe).length > 0) {
    const description = `May subscribe: ${rightsInWords(subscribe)}.`
    operations[`send_${name}`] = { action: 'send', channel, messages, bindings, description }
  }
  return operations
}
