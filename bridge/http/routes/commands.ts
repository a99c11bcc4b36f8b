import Type from 'typebox'
import { COMMAND_STATES, CommandRequest, type CommandState, Id } from '../../../contract/index.ts'
import { type CommandDesk, unknownCommand } from '../../commands/command-desk.ts'
import { commandView } from '../../commands/command-view.ts'
import { isInterlocked, needsSecondPerson } from '../../commands/interlock.ts'
import { findCommand, lastTransport, listCommandEvents, listCommands } from '../../store/commands.ts'
import type { Database } from '../../store/database.ts'
import { type Access, DISPATCHERS, mayPublish, mayRead, originOf, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { mustSeeDevice } from '../visibility.ts'
import { seenDevice } from './history.ts'

const READERS: Access = ['driver', 'dispatcher', 'admin', 'service']

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const ByCommand = Type.Object({ deviceId: Id, commandId: Id }, { additionalProperties: false })
const StateFilter = Type.Unsafe<CommandState>(Type.Union(COMMAND_STATES.map(state => Type.Literal(state))))

const History = {
  type: 'array',
  description: 'Everything that happened to it, oldest first',
  items: {
    type: 'object',
    required: ['at', 'happening', 'state'],
    properties: {
      at: { type: 'integer', description: 'By the platform’s clock, milliseconds' },
      happening: { type: 'string', description: 'What happened' },
      state: { type: 'string', description: 'The state after it; as before for what came too late' },
      by: { type: 'string', description: 'The person who did it' },
      note: { type: 'string' },
    },
  },
}

const Types = {
  type: 'object',
  description: 'What the device can be told',
  required: ['transport', 'connected', 'items'],
  properties: {
    transport: { type: ['string', 'null'], description: '`mqtt`, or its protocol; null when neither is known yet' },
    connected: { type: 'boolean' },
    items: {
      type: ['array', 'null'],
      description: 'By name; null: the device takes any name, or its protocol is not known yet',
      items: {
        type: 'object',
        required: ['name', 'summary', 'args', 'secondPerson', 'interlocked'],
        properties: {
          name: { type: 'string' },
          summary: { type: 'string' },
          args: { type: 'object', description: 'JSON Schema of its `args`', additionalProperties: true },
          secondPerson: { type: 'boolean', description: 'Another person has to confirm it' },
          interlocked: { type: 'boolean', description: 'It goes to a standing vehicle only' },
        },
      },
    },
  },
}

/** Commands to devices. */
export function commandRoutes(app: Api, { db, commands }: { db: Database; commands: CommandDesk }): void {
  app.post(
    '/api/v1/devices/:deviceId/commands',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'createCommand',
        summary: 'Send a command to a device',
        description:
          'It goes out in the next contact window of the device: at once when it is connected. The same `id` with the same content is the same command (200). What may stop a vehicle (`immobilise`, `output`) and `raw` wait for a second person; the former for a standing vehicle too.',
        tags: ['commands'],
        params: ByDevice,
        body: CommandRequest,
        response: {
          200: { $ref: 'DeviceCommand#' },
          201: { $ref: 'DeviceCommand#' },
          ...problems(
            'command_conflict',
            'command_limit',
            'command_unsupported',
            'device_unknown',
            'payload_invalid',
            'payload_not_json',
            'publish_forbidden',
            'request_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const { deviceId } = request.params
      mustSeeDevice(principal, deviceId)
      mayPublish(principal, 'command', { deviceId, commandId: request.body.id ?? 'new' })
      const { sub: by, address } = originOf(request)
      const call = { org: principal.org, deviceId, request: request.body, by, address }
      const { command, created } = await commands.create(call)
      return reply.code(created ? 201 : 200).send(command)
    },
  )

  app.get(
    '/api/v1/devices/:deviceId/commands',
    {
      config: { access: READERS },
      schema: {
        operationId: 'listCommands',
        summary: 'Commands of a device, newest first',
        tags: ['commands'],
        params: ByDevice,
        querystring: pageQuery({ state: Type.Optional(StateFilter) }),
        response: {
          200: listOf({ $ref: 'DeviceCommand#' }, 'A page of commands'),
          ...problems('device_unknown', 'request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { deviceId } = request.params
      await seenDevice(db, principal, deviceId)
      const { limit = DEFAULT_LIMIT, cursor, state } = request.query
      const [before] = readCursor<[number]>(cursor, ['number']) ?? []
      const { org } = principal
      const rows = await listCommands(db, { org, deviceId }, { state, before, limit: limit + 1 })
      const page = pageOf(rows, limit, ({ seq }) => [seq], commandView)
      return {
        ...page,
        items: page.items.filter(({ id }) => mayRead(principal, 'command', { deviceId, commandId: id })),
      }
    },
  )

  app.get(
    '/api/v1/devices/:deviceId/commands/types',
    {
      config: { access: READERS },
      schema: {
        operationId: 'listCommandTypes',
        summary: 'What a device can be told',
        description: 'By the protocol that it speaks now, or over which it was sent a command last.',
        tags: ['commands'],
        params: ByDevice,
        response: { 200: Types, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { deviceId } = request.params
      await seenDevice(db, principal, deviceId)
      const device = { org: principal.org, deviceId }
      const link = commands.linkOf(device)
      const transport = link?.transport ?? (await lastTransport(db, device))
      const types = link === null ? commands.typesOf(transport ?? '') : link.types
      const items = types?.map(({ name, summary, args }) => ({
        name,
        summary,
        args,
        secondPerson: needsSecondPerson(name),
        interlocked: isInterlocked({ name, args: {} }, () => false),
      }))
      return { transport, connected: link !== null, items: items ?? null }
    },
  )

  app.get(
    '/api/v1/devices/:deviceId/commands/:commandId',
    {
      config: { access: READERS },
      schema: {
        operationId: 'getCommand',
        summary: 'One command with everything that happened to it',
        tags: ['commands'],
        params: ByCommand,
        response: {
          200: {
            type: 'object',
            description: 'The command and its history',
            required: ['command', 'history'],
            properties: { command: { $ref: 'DeviceCommand#' }, history: History },
          },
          ...problems('command_unknown', 'device_unknown', 'request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { deviceId, commandId } = request.params
      await seenDevice(db, principal, deviceId)
      const key = { org: principal.org, deviceId, commandId }
      const row = await findCommand(db, key)
      if (row === undefined || !mayRead(principal, 'command', { deviceId, commandId })) throw unknownCommand(key)
      const history = await listCommandEvents(db, key)
      return {
        command: commandView(row),
        history: history.map(({ by, note, ...event }) => ({
          ...event,
          ...(by !== null && { by }),
          ...(note !== null && { note }),
        })),
      }
    },
  )

  for (const action of ['confirm', 'cancel'] as const) {
    app.post(
      `/api/v1/devices/:deviceId/commands/:commandId/${action}`,
      {
        config: { access: DISPATCHERS },
        schema: {
          operationId: `${action}Command`,
          summary:
            action === 'confirm' ? 'Agree to a command, as the second person' : 'Take back a command not sent yet',
          description: 'There is no body. Doing it again changes nothing.',
          tags: ['commands'],
          params: ByCommand,
          response: {
            200: { $ref: 'DeviceCommand#' },
            ...problems(
              ...(action === 'confirm' ? (['second_person_needed'] as const) : []),
              'command_closed',
              'command_unknown',
              'device_unknown',
              'publish_forbidden',
              'request_invalid',
            ),
          },
        },
      },
      async request => {
        const principal = principalOf(request)
        const { deviceId, commandId } = request.params
        mustSeeDevice(principal, deviceId)
        mayPublish(principal, 'command', { deviceId, commandId })
        const act = actOf(request, `command.${action}`, deviceId, { id: commandId })
        return commands[action]({ org: principal.org, deviceId, commandId, by: principal.sub, act })
      },
    )
  }
}
