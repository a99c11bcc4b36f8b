import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { ACCOUNT_ROLES, createUsers, type Database, generatePassword, listUsers } from '../../bridge/index.ts'
import { CLI_ACTOR } from '../cli-actor.ts'
import { type Command, type CommandContext, UsageError } from '../command.ts'
import { readConfig } from '../config.ts'
import { checkId, checkOrg, readIds } from '../identifiers.ts'
import { type AskRunning, withPlatformOrDatabase } from '../platform-or-database.ts'

type AccountRole = (typeof ACCOUNT_ROLES)[number]

const PAGE = 1_000

export const userCommand: Command = {
  help: `Usage: trackwire user add ID --org ORG --role ROLE [options]
       trackwire user passwd ID --org ORG [--password-stdin]
       trackwire user list --org ORG

Accounts of people and programs. Works beside a running platform and without one.
  add      creates an account and prints its password, alone, on standard output
  passwd   sets a new password, ends all log-ins of the account, and prints the password
  list     one account a line: id, role, state, devices, groups; parted by tabs

  --org ORG          organisation the account belongs to
  --role ROLE        ${ACCOUNT_ROLES.join(', ')}
  --devices A,B      devices it may see (drivers: act for), beside what the role gives
  --groups A,B       groups of which it may see the devices
  --password-stdin   take the password from standard input instead of making one; nothing is printed then
  --no-password      add: none, its tokens come from an outside identity provider
  --config FILE      read settings from FILE
  --help             this text
`,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        org: { type: 'string' },
        role: { type: 'string' },
        devices: { type: 'string' },
        groups: { type: 'string' },
        'password-stdin': { type: 'boolean', default: false },
        'no-password': { type: 'boolean', default: false },
      },
    })
    const [verb, id, ...more] = positionals
    if (!isVerb(verb) || more.length > 0 || (verb === 'list') !== (id === undefined)) {
      throw new UsageError('say "trackwire user add ID", "user passwd ID" or "user list", each with --org ORG')
    }
    const { org, role, devices, groups } = values
    if (org === undefined) throw new UsageError(`user ${verb} needs --org`)
    checkOrg(org)
    if (verb !== 'add' && (role ?? devices ?? groups) !== undefined) {
      throw new UsageError(`user ${verb} takes no --role, --devices or --groups`)
    }
    if (verb === 'list') return list(org, context)
    checkId('the id', id!)
    const password = await choosePassword(values, verb, context)
    const account = { org, id: id!, password }
    if (verb === 'passwd') await setPassword(account, context)
    else {
      const given = {
        ...(devices !== undefined && { devices: readIds('--devices', devices) }),
        ...(groups !== undefined && { groups: readIds('--groups', groups) }),
      }
      await add({ ...account, role: readRole(role), ...given }, context)
    }
    if (password !== null && !values['password-stdin']) context.stdout.write(`${password}\n`)
    return 0
  },
}

const VERBS = ['add', 'passwd', 'list'] as const

function isVerb(verb: string | undefined): verb is (typeof VERBS)[number] {
  return VERBS.some(known => known === verb)
}

function readRole(role: string | undefined): AccountRole {
  const known = ACCOUNT_ROLES.find(name => name === role)
  if (known === undefined) {
    const wrong = role === undefined ? 'user add needs --role' : `--role "${role}" is none of an account`
    throw new UsageError(`${wrong}; choose one of ${ACCOUNT_ROLES.join(', ')}`)
  }
  return known
}

/** Null for none. */
async function choosePassword(
  values: { 'password-stdin': boolean; 'no-password': boolean },
  verb: 'add' | 'passwd',
  { stdin }: CommandContext,
): Promise<string | null> {
  if (values['no-password']) {
    if (verb === 'passwd' || values['password-stdin']) throw new UsageError('--no-password goes with "user add" alone')
    return null
  }
  // The line end is the shell's, not the password's.
  return values['password-stdin'] ? (await text(stdin)).replace(/\r?\n$/, '') : generatePassword()
}

interface NewAccount {
  readonly org: string
  readonly id: string
  readonly role: AccountRole
  readonly password: string | null
  readonly devices?: readonly string[]
  readonly groups?: readonly string[]
}

async function add({ org, ...user }: NewAccount, context: CommandContext): Promise<void> {
  await withAccounts<unknown>(org, context, {
    running: ask => ask('/api/v1/users', user),
    stopped: db => createUsers(db).create(actOf(org, 'user.create', user.id), user),
  })
}

async function setPassword(
  { org, id, password }: { org: string; id: string; password: string | null },
  context: CommandContext,
): Promise<void> {
  await withAccounts<unknown>(org, context, {
    running: ask => ask(`/api/v1/users/${id}`, { password }, 'PATCH'),
    stopped: db => createUsers(db).change(actOf(org, 'user.password', id), id, { password }),
  })
}

async function list(org: string, context: CommandContext): Promise<number> {
  const users = await withAccounts(org, context, { running: listRunning, stopped: db => listStopped(db, org) })
  for (const { id, role, disabled, devices, groups } of users) {
    const fields = [id, role, disabled ? 'disabled' : 'active', devices.join(','), groups.join(',')]
    context.stdout.write(`${fields.join('\t')}\n`)
  }
  return 0
}

interface ListedUser {
  readonly id: string
  readonly role: string
  readonly disabled: boolean
  readonly devices: readonly string[]
  readonly groups: readonly string[]
}

async function listRunning(ask: AskRunning): Promise<ListedUser[]> {
  const users: ListedUser[] = []
  for (let cursor: unknown; ; ) {
    const from = typeof cursor === 'string' ? `&cursor=${cursor}` : ''
    const { items, next } = await ask(`/api/v1/users?limit=${PAGE}${from}`)
    users.push(...(items as ListedUser[]))
    if (typeof next !== 'string') return users
    cursor = next
  }
}

async function listStopped(db: Database, org: string): Promise<ListedUser[]> {
  const users: ListedUser[] = []
  for (;;) {
    const rows = await listUsers(db, org, { after: users.at(-1)?.id, limit: PAGE })
    users.push(...rows.map(row => ({ ...row, id: row.user_id })))
    if (rows.length < PAGE) return users
  }
}

function withAccounts<T>(
  org: string,
  { environment, signal }: CommandContext,
  work: Parameters<typeof withPlatformOrDatabase<T>>[2],
): Promise<T> {
  return withPlatformOrDatabase(readConfig(environment), { org, signal }, work)
}

function actOf(org: string, action: string, target: string) {
  return { org, actor: CLI_ACTOR, action, target }
}
