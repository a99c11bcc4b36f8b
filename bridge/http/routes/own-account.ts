import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import type { Accounts } from '../../auth/accounts.ts'
import { SHORTEST_PASSWORD } from '../../auth/passwords.ts'
import type { Database } from '../../store/database.ts'
import { countDevices } from '../../store/queries/devices.ts'
import { ANYONE, issuedOf, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'

const Me = {
  ...Type.Object({
    sub: Id,
    org: Type.String(),
    role: Type.String({ description: 'The role that counts now, whatever the token says' }),
    devices: Type.Object(
      {
        all: Type.Boolean({ description: 'Whether it is every device of the organisation' }),
        count: Type.Integer({ description: 'How many registered devices one may see' }),
      },
      { description: 'What one may see' },
    ),
    groups: Type.Array(Type.String(), { description: 'Groups granted by the token or the account' }),
    issuedAt: Type.Union([Type.Integer(), Type.Null()], { description: 'Of the token, milliseconds' }),
    expiresAt: Type.Integer({ description: 'Of the token, milliseconds' }),
  }),
  description: 'Who sent the request',
}
const PasswordChange = Type.Object(
  {
    oldPassword: Type.String({ maxLength: 1_024 }),
    newPassword: Type.String({ maxLength: 1_024, description: `At least ${SHORTEST_PASSWORD} characters` }),
  },
  { additionalProperties: false },
)

/** What one may ask and change of oneself. */
export function ownAccountRoutes(app: Api, { db, accounts }: { db: Database; accounts: Accounts }): void {
  app.get(
    '/api/v1/auth/me',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'getMe',
        summary: 'Who I am, what I may see, and until when my token is good',
        tags: ['auth'],
        response: { 200: Me, ...problems() },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { sub, org, role, groups, issuedAtMs, expiresAtMs } = principal
      const visible = await readableDevices(db, principal)
      return {
        sub,
        org,
        role,
        devices: { all: visible === null, count: await countDevices(db, org, visible) },
        groups,
        issuedAt: issuedAtMs ?? null,
        expiresAt: expiresAtMs,
      }
    },
  )

  app.post(
    '/api/v1/auth/password',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'changePassword',
        summary: 'Change my password',
        description: 'This log-in goes on; all others of the account end, with their live connections.',
        tags: ['auth'],
        body: PasswordChange,
        response: {
          204: { type: 'null', description: 'It is changed' },
          ...problems(
            'password_weak',
            'credentials_wrong',
            'too_many_attempts',
            'payload_not_json',
            'payload_invalid',
            'request_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const { org, sub, sid } = issuedOf(request)
      await accounts.changePassword({ org, sub, sid, address: request.ip, ...request.body })
      return reply.code(204).send()
    },
  )
}
