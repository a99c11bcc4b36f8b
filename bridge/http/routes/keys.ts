import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { checkSchema, Id, TrackwireError } from '../../../contract/index.ts'
import type { KeyView, SigningKeys } from '../../auth/signing-keys.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'

const Key = {
  type: 'object',
  description: 'A signing key; never its private part',
  required: ['kid', 'algorithm', 'state', 'createdAt', 'signsFrom'],
  properties: {
    kid: { type: 'string', description: 'As in the header of the tokens and in the JWK Set' },
    algorithm: { type: 'string' },
    state: {
      enum: ['signing', 'verifying', 'waiting'],
      description: 'All verify; `signing` makes new tokens, `waiting` will from `signsFrom` on',
    },
    createdAt: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
    signsFrom: { type: 'integer', description: 'Milliseconds since the Unix epoch; 0 = always' },
  },
}
const Rotation = Type.Object(
  {
    immediately: Type.Optional(
      Type.Boolean({ description: 'Sign with it at once: after a theft. Verifiers that do not know it yet refuse it' }),
    ),
  },
  { additionalProperties: false },
)
const ByKid = Type.Object({ kid: Id }, { additionalProperties: false })

/**
 * The keys that sign the tokens of all organisations: for the administrators of the one that runs the platform.
 * What is done is written down before it is done, in one transaction: what fails leaves no entry.
 */
export function keyRoutes(
  app: Api,
  { db, keys, platformOrg = 'demo' }: { db: Database; keys: SigningKeys; platformOrg?: string | undefined },
): void {
  function checkPlatform(request: FastifyRequest): void {
    if (principalOf(request).org === platformOrg) return
    throw new TrackwireError(
      'forbidden',
      `signing keys concern every organisation; they are for administrators of ${platformOrg} (TRACKWIRE_PLATFORM_ORG)`,
    )
  }

  app.get(
    '/api/v1/admin/keys',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listKeys',
        summary: 'The signing keys in use, oldest first',
        tags: ['administration'],
        response: {
          200: {
            type: 'object',
            description: 'All of them',
            required: ['items', 'next'],
            properties: { items: { type: 'array', items: Key }, next: { type: 'null' } },
          },
          ...problems(),
        },
      },
    },
    async request => {
      checkPlatform(request)
      return { items: keys.list(), next: null }
    },
  )

  app.post(
    '/api/v1/admin/keys/rotate',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'rotateKey',
        summary: 'Add a signing key',
        description:
          'It verifies at once and signs six minutes later, when everyone who keeps the JWK Set for its `max-age` knows it. The keys before it verify until they are retired. The body may be left out.',
        tags: ['administration'],
        body: documented(Rotation),
        response: { 201: Key, ...problems('conflict', 'payload_not_json', 'payload_invalid') },
      },
    },
    async (request, reply) => {
      checkPlatform(request)
      const { immediately = false } = checkSchema(Rotation, request.body ?? {})
      const made = await db.transaction(async tx => {
        await recordAudit(tx, actOf(request, 'key.rotate', 'signing-keys', { immediately }), Date.now())
        return keys.rotate({ immediately })
      })
      return reply.code(201).send(made satisfies KeyView)
    },
  )

  app.post(
    '/api/v1/admin/keys/:kid/retire',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'retireKey',
        summary: 'Take a signing key out of use: every token that it signed is refused from now on',
        description: 'Device tokens too. One that signs is followed by the newest that is left; the last one stays.',
        tags: ['administration'],
        params: ByKid,
        response: {
          204: { type: 'null', description: 'Out of use, here at once, in other processes within seconds' },
          ...problems('not_found', 'conflict', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      checkPlatform(request)
      const { kid } = request.params
      await db.transaction(async tx => {
        await recordAudit(tx, actOf(request, 'key.retire', kid), Date.now())
        await keys.retire(kid)
      })
      return reply.code(204).send()
    },
  )
}
