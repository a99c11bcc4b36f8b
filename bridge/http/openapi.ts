import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import {
  DeviceCommand,
  DeviceEvent,
  FenceFeature,
  GeofenceEvent,
  Incident,
  LocationUpdate,
  RuleSettings,
  SosEvent,
  SosPolicy,
} from '../../contract/index.ts'
import { PUBLIC } from './access.ts'
import { Problem } from './problem.ts'
import { Clock } from './routes/clocks.ts'
import { Device } from './routes/devices.ts'
import { HistoryFix } from './routes/history.ts'
import { ShareLink } from './routes/share-links.ts'
import { SosAlert } from './routes/sos.ts'
import { User } from './routes/users.ts'
import { DOCS_POLICY } from './security-headers.ts'

const LOGO = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 40"><text x="0" y="28" font-family="system-ui,sans-serif" font-size="26" font-weight="700" fill="#fff">Trackwire</text></svg>',
)

const FAVICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0d7a68"/><path d="M16 6l8 20-8-5-8 5z" fill="#fff"/></svg>'

/** Schemas that routes refer to by name, and that generators of clients turn into types. */
const SHARED = {
  Problem,
  LocationUpdate: { ...LocationUpdate, description: 'One fix of one device' },
  FenceFeature: { ...FenceFeature, description: 'A fence as a GeoJSON Feature' },
  GeofenceEvent: { ...GeofenceEvent, description: 'A crossing of a fence as announced' },
  DeviceCommand: { ...DeviceCommand, description: 'A command to a device, as the platform keeps it' },
  DeviceEvent: { ...DeviceEvent, description: 'What a rule says of a device, as announced' },
  RuleSettings: {
    ...RuleSettings,
    description: 'Rules of devices: what is left out is as the wider scope has it, null is off',
  },
  Incident: { ...Incident, description: 'An alert that lasts and that people look after' },
  SosEvent: { ...SosEvent, description: 'A change of an SOS alert as announced' },
  Clock,
  Device,
  HistoryFix,
  ShareLink,
  SosAlert,
  User,
  SosPolicy: { ...SosPolicy, description: 'How an organisation escalates its SOS alerts' },
}

/** The OpenAPI 3.1 document at `/api/openapi.json`, made from the routes' own schemas, and its page at `/api/docs`. Register before the routes. */
export async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  for (const [$id, schema] of Object.entries(SHARED)) app.addSchema({ ...schema, $id })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Trackwire',
        version,
        description:
          'Live GPS tracking: fixes in; devices, history, fences, alerts and SOS out. Live channels are on MQTT, over TCP or over WebSocket at `/mqtt`. Every error is a problem (RFC 9457) with a stable code. Lists are `{"items": […], "next": cursor or null}`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'auth', description: 'Logging in, tokens, keys' },
        { name: 'users', description: 'People, their roles, what they may see' },
        { name: 'administration', description: 'Bans and revoked tokens' },
        { name: 'tracking', description: 'Fixes of devices and gateways' },
        { name: 'devices', description: 'Devices, their newest fix, their history' },
        { name: 'commands', description: 'What devices are told to do' },
        { name: 'provisioning', description: 'Claim codes, unknown devices, client certificates' },
        { name: 'fences', description: 'Geofences as GeoJSON' },
        { name: 'rules', description: 'Rules of devices: overspeed, idle, tow, …' },
        { name: 'alerts', description: 'Events of fences and rules as announced' },
        { name: 'incidents', description: 'Alerts that last: acknowledged, closed, storms' },
        { name: 'sos', description: 'SOS alerts' },
        { name: 'administration', description: 'The audit log, signing keys' },
        { name: 'sharing', description: 'Links that show some devices for some time' },
        { name: 'operations', description: 'Health, metrics, configuration' },
      ],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ bearer: [] }],
    },
    transformObject: document => withOptionalBodies(document),
    refResolver: { buildLocalReference: (schema, _base, _fragment, index) => String(schema.$id ?? `def-${index}`) },
  })
  await app.register(async scope => {
    scope.addHook('onRoute', route => {
      route.config = { ...route.config, access: PUBLIC }
      route.schema = { ...route.schema, hide: true }
    })
    scope.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', DOCS_POLICY)
    })
    await scope.register(swaggerUi, {
      routePrefix: '/api/docs',
      uiConfig: { deepLinking: true, tryItOutEnabled: false },
      theme: {
        title: 'Trackwire API',
        favicon: [{ filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: FAVICON }],
      },
      logo: { type: 'image/svg+xml', content: LOGO, href: '/', target: '_self' },
    })
  })
  app.get('/api/openapi.json', { config: { access: PUBLIC }, schema: { hide: true } }, async () => app.swagger())
}

/** Routes whose body may be left out; the plugin marks every body as required. */
const OPTIONAL_BODY =
  /\/(admin\/keys\/rotate|sos\/\{alertId\}\/(acknowledge|escalate|resolve)|incidents\/\{incidentId\}\/(acknowledge|close))$/

type Documented =
  Extract<SwaggerTransformObject, (...args: never) => unknown> extends (argument: infer A) => unknown ? A : never

function withOptionalBodies(documented: Documented) {
  if (!('openapiObject' in documented)) return documented.swaggerObject
  const { openapiObject } = documented
  for (const [path, methods] of Object.entries(openapiObject.paths ?? {})) {
    const body = methods?.post?.requestBody
    if (OPTIONAL_BODY.test(path) && body !== undefined && 'content' in body) body.required = false
  }
  return openapiObject
}
