import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Id, TrackwireError } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { Tokens } from '../../auth/tokens.ts'
import {
  type AppSetup,
  friendRules,
  type PhoneAddress,
  type PhoneCredentials,
  type PhoneSetup,
  phoneSetup,
} from '../../provisioning/phone-setup.ts'
import { MAX_QR_CHARACTERS, qrSvg } from '../../provisioning/qr-code.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { originOfUrl } from '../origin-of-url.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

/** Each is a rule in the token, which an app has to keep and a QR code to hold. */
const MAX_FRIENDS = 50

export interface PhoneSetupOptions {
  readonly mqttPort?: (() => number | null) | undefined
  readonly mqttsPort?: (() => number | null) | undefined
  readonly osmandByIdAlone?: boolean | undefined
}

const Text = Type.String()
const Null = Type.Null()
const Qr = Type.Union([Text, Null], { description: 'The link as a QR code, SVG; null where it is too long for one' })
const OwnTracks = Type.Object({
  configuration: Type.Object({}, { description: 'What a .otrc file holds' }),
  url: Type.String({ description: '`owntracks:///config?inline=…`: opened on the phone, it sets the app up' }),
  qrSvg: Qr,
})

/** What the apps of a phone need, as the API answers it. */
export const PhoneSetupSchema = Type.Object({
  ownTracks: Type.Object({ mqtt: Type.Union([OwnTracks, Null]), http: OwnTracks }),
  traccarClient: Type.Union([Type.Object({ serverUrl: Text, deviceIdentifier: Text, url: Text, qrSvg: Qr }), Null], {
    description: 'Null unless TRACKWIRE_OSMAND is on: this app can send no token',
  }),
  osmand: Type.Union([Type.Object({ webAddress: Text }), Null]),
})

/** The settings of apps on phones, with a token in them. */
export function phoneSetupRoutes(
  app: Api,
  options: PhoneSetupOptions & { readonly db: Database; readonly tokens: Tokens },
): void {
  const { db, tokens } = options
  app.post(
    '/api/v1/devices/:deviceId/phone-setup',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'createPhoneSetup',
        summary: 'The settings of OwnTracks, Traccar Client and OsmAnd for a device, with a new token in them',
        description:
          'The token is shown this once. With `file` the answer is the `.otrc` file of OwnTracks itself. `friends` are devices whose newest positions the app shows too: the token allows it, and nothing else of them.',
        tags: ['provisioning'],
        params: Type.Object({ deviceId: Id }, { additionalProperties: false }),
        querystring: Type.Object(
          { file: Type.Optional(Type.Union([Type.Literal('mqtt'), Type.Literal('http')])) },
          { additionalProperties: false },
        ),
        body: Type.Object(
          {
            friends: Type.Optional(Type.Array(Id, { maxItems: MAX_FRIENDS, uniqueItems: true })),
            address: Type.Optional(
              Type.String({
                pattern: '^https?://[A-Za-z0-9.:\\[\\]-]{1,255}$',
                description:
                  'How phones reach the platform, like https://track.example.org; as this request did when left out',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          201: {
            ...Type.Object({ org: Text, deviceId: Id, token: Text, ...PhoneSetupSchema.properties }),
            description: 'The settings of each app',
          },
          ...problems('device_unknown', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      const { file } = request.query
      const { friends = [], address: origin } = request.body
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const address = phoneAddressOf(request, options, origin)
      if (file === 'mqtt' && address.mqtt === null)
        throw new TrackwireError('request_invalid', 'MQTT is off here; ask for the file of the http mode')
      const acl = friendRules(org, friends)
      const token = await tokens.mint({ sub: deviceId, org, role: 'device', acl, ttlSeconds: DEVICE_TTL_SECONDS })
      await recordAudit(db, actOf(request, 'device.phone-setup', deviceId, { friends, file }), Date.now())
      const credentials = { org, deviceId, token }
      if (file === undefined) return reply.code(201).send({ ...credentials, ...phoneSetupView(address, credentials) })
      const { configuration } = phoneSetup(address, credentials).ownTracks[file]!
      return reply
        .code(201)
        .type('application/octet-stream')
        .header('content-disposition', `attachment; filename="${deviceId.replaceAll(':', '_')}.otrc"`)
        .send(`${JSON.stringify(configuration, null, 2)}\n`)
    },
  )
}

/** The settings with a QR code for each link. */
export function phoneSetupView(address: PhoneAddress, credentials: PhoneCredentials) {
  const { ownTracks, traccarClient, osmand }: PhoneSetup = phoneSetup(address, credentials)
  return {
    ownTracks: { mqtt: ownTracks.mqtt && withQr(ownTracks.mqtt), http: withQr(ownTracks.http) },
    traccarClient: traccarClient && withQr(traccarClient),
    osmand,
  }
}

function withQr<Setup extends AppSetup>(setup: Setup): Setup & { qrSvg: string | null } {
  return { ...setup, qrSvg: setup.url.length <= MAX_QR_CHARACTERS ? qrSvg(setup.url) : null }
}

/** @param origin how phones reach the platform; as the request did when left out */
export function phoneAddressOf(
  request: FastifyRequest,
  { mqttPort, mqttsPort, osmandByIdAlone = false }: PhoneSetupOptions,
  origin = originOfUrl(request),
): PhoneAddress {
  const securePort = mqttsPort?.() ?? null
  const port = securePort ?? mqttPort?.() ?? null
  const host = new URL(origin).hostname
  return { origin, mqtt: port === null ? null : { host, port, tls: securePort !== null }, byIdAlone: osmandByIdAlone }
}
