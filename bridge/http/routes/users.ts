import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import { generatePassword, SHORTEST_PASSWORD } from '../../auth/passwords.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import { ACCOUNT_ROLES, createUsers, unknownUser } from '../../auth/users.ts'
import type { Database } from '../../store/database.ts'
import { findUser, listUsers, type UserRow } from '../../store/users.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const RoleOfAccount = Type.Unsafe<(typeof ACCOUNT_ROLES)[number]>(
  Type.Union(ACCOUNT_ROLES.map(role => Type.Literal(role))),
)
const Devices = Type.Array(Id, {
  maxItems: 1_000,
  description: 'Devices it may see (drivers: act for) beside what the role gives; for more, use groups',
})
const Groups = Type.Array(Id, { maxItems: 100, description: 'Groups of which it may see the devices' })
const PASSWORD = `At least ${SHORTEST_PASSWORD} characters; null for none, when tokens come from an outside identity provider`
const passwordOf = (description: string) =>
  Type.Optional(Type.Union([Type.String({ maxLength: 1_024 }), Type.Null()], { description }))

/** A user as the API shows it. */
export const User = Type.Object(
  {
    id: Id,
    role: RoleOfAccount,
    disabled: Type.Boolean(),
    devices: Devices,
    groups: Groups,
    hasPassword: Type.Boolean({ description: 'Whether it can log in here' }),
    createdAt: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
  },
  { description: 'A person or program with an account' },
)

const ByUser = Type.Object({ userId: Id }, { additionalProperties: false })
const NewUser = Type.Object(
  {
    id: Id,
    role: RoleOfAccount,
    password: passwordOf(`${PASSWORD}; one is made when it is left out`),
    devices: Type.Optional(Devices),
    groups: Type.Optional(Groups),
  },
  { additionalProperties: false },
)
const UserChange = Type.Object(
  {
    role: Type.Optional(RoleOfAccount),
    disabled: Type.Optional(Type.Boolean()),
    devices: Type.Optional(Devices),
    groups: Type.Optional(Groups),
    password: passwordOf(PASSWORD),
  },
  { additionalProperties: false, minProperties: 1, description: 'What is left out stays as it is' },
)
const MadePassword = Type.String({ description: 'The password that was made; it is shown this once' })

function userView(row: UserRow): object {
  const { user_id, role, disabled, devices, groups, password_hash, created_at } = row
  return { id: user_id, role, disabled, devices, groups, hasPassword: password_hash !== null, createdAt: created_at }
}

/** The accounts of the organisation. Another organisation's users are answered like ones that do not exist. */
export function userRoutes(app: Api, { db, rights }: { db: Database; rights: CurrentRights }): void {
  const users = createUsers(db, { rightsChanged: () => rights.refresh() })

  app.get(
    '/api/v1/users',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listUsers',
        summary: 'The users of the organisation, in order of their id',
        tags: ['users'],
        querystring: pageQuery({}),
        response: { 200: listOf({ $ref: 'User#' }, 'A page of users'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[string]>(cursor, ['string'])?.[0]
      const rows = await listUsers(db, principalOf(request).org, { after, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.user_id], userView)
    },
  )

  app.post(
    '/api/v1/users',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'createUser',
        summary: 'Create a user',
        description: 'Ids are unique across organisations, because people log in with them alone.',
        tags: ['users'],
        body: NewUser,
        response: {
          201: {
            type: 'object',
            description: 'The user, and its password where one was made',
            required: ['user'],
            properties: { user: { $ref: 'User#' }, password: MadePassword },
          },
          ...problems('conflict', 'password_weak', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { password: given, ...rest } = request.body
      const password = given === undefined ? generatePassword() : given
      const act = actOf(request, 'user.create', rest.id, rest)
      const user = await users.create(act, { ...rest, password })
      return reply
        .code(201)
        .header('location', `/api/v1/users/${user.user_id}`)
        .send({ user: userView(user), ...(given === undefined && { password }) })
    },
  )

  app.get(
    '/api/v1/users/:userId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'getUser',
        summary: 'One user of the organisation',
        tags: ['users'],
        params: ByUser,
        response: { 200: { $ref: 'User#' }, ...problems('user_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { userId } = request.params
      const user = await findUser(db, principalOf(request).org, userId)
      if (user === undefined) throw unknownUser(userId)
      return userView(user)
    },
  )

  app.patch(
    '/api/v1/users/:userId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'changeUser',
        summary: 'Change role, devices, groups or password of a user, or disable it',
        description:
          'In force on live connections within a second, also for tokens that are out. A new password and disabling end all log-ins of the user. Devices and groups replace those before.',
        tags: ['users'],
        params: ByUser,
        body: UserChange,
        response: {
          200: { $ref: 'User#' },
          ...problems(
            'user_unknown',
            'last_admin',
            'password_weak',
            'payload_not_json',
            'payload_invalid',
            'request_invalid',
          ),
        },
      },
    },
    async request => {
      const { userId } = request.params
      return userView(await users.change(actOf(request, 'user.change', userId, request.body), userId, request.body))
    },
  )

  app.post(
    '/api/v1/users/:userId/password-reset',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'resetPassword',
        summary: 'Make a new password for a user, and end all its log-ins',
        tags: ['users'],
        params: ByUser,
        response: {
          200: { ...Type.Object({ password: MadePassword }), description: 'The new password' },
          ...problems('user_unknown', 'request_invalid'),
        },
      },
    },
    async request => {
      const { userId } = request.params
      const password = generatePassword()
      await users.change(actOf(request, 'user.password', userId), userId, { password })
      return { password }
    },
  )

  app.delete(
    '/api/v1/users/:userId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'deleteUser',
        summary: 'Delete a user; its tokens end with it',
        tags: ['users'],
        params: ByUser,
        response: {
          204: { type: 'null', description: 'It is gone' },
          ...problems('user_unknown', 'last_admin', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { userId } = request.params
      await users.remove(actOf(request, 'user.delete', userId), userId)
      return reply.code(204).send()
    },
  )
}
