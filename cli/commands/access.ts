import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  type AccessAnswer,
  createTokens,
  type Database,
  explainAccess,
  explainAccessOf,
  openSigningKeys,
  Rights,
} from '../../bridge/index.ts'
import { type Action, type Qos, ROLES, type Role } from '../../contract/index.ts'
import { type Command, UsageError } from '../command.ts'
import { type Config, readConfig } from '../config.ts'
import { checkId, checkOrg } from '../identifiers.ts'
import { createLogger } from '../logger.ts'
import { withPlatformOrDatabase } from '../platform-or-database.ts'

export const accessCommand: Command = {
  help: `Usage: trackwire access --sub ID --action ACTION --topic TOPIC [options]
       trackwire access --token-file FILE --action ACTION --topic TOPIC [options]

Says whether an account, a device or the holder of a token may publish or subscribe a topic, and why: what was looked at, in order,
up to what decided. Works beside a running platform and without one. The exit code is 0 for yes and for no.

  --sub ID           who: an account or a device
  --token-file FILE  or whoever holds the token in this file, with its acl claim; - reads standard input
  --action ACTION    publish or subscribe
  --topic TOPIC      a topic, or a filter that is to be subscribed
  --role ROLE        of a sub that is no account: ${ROLES.join(', ')}
  --client-id ID     what \${clientid} of an acl claim stands for; the sub when left out
  --username NAME    what \${username} of an acl claim stands for; the sub when left out
  --qos QOS          0, 1 or 2; any of them when left out
  --retain           published with the retain flag
  --format FORMAT    text or json [text]
  --org ORG          organisation [demo]
  --config FILE      read settings from FILE
  --help             this text

Example: trackwire access --sub ann --action subscribe --topic demo/devices/truck-7/location
`,
  async run(args, { environment, stdout, signal }) {
    const { values } = parseArgs({
      args,
      options: {
        sub: { type: 'string' },
        'token-file': { type: 'string' },
        action: { type: 'string' },
        topic: { type: 'string' },
        role: { type: 'string' },
        'client-id': { type: 'string' },
        username: { type: 'string' },
        qos: { type: 'string' },
        retain: { type: 'boolean' },
        format: { type: 'string', default: 'text' },
        org: { type: 'string', default: 'demo' },
      },
    })
    const { sub, action, topic, role, username, retain, format, org } = values
    const tokenFile = values['token-file']
    if ((sub === undefined) === (tokenFile === undefined)) {
      throw new UsageError('say whom it is about: --sub ID or --token-file FILE')
    }
    if (sub !== undefined) checkId('--sub', sub)
    checkOrg(org)
    if (action !== 'publish' && action !== 'subscribe') throw new UsageError('--action is publish or subscribe')
    if (topic === undefined || topic === '') throw new UsageError('say the topic: --topic TOPIC')
    if (role !== undefined && !ROLES.includes(role as Role)) {
      throw new UsageError(`--role "${role}" is not one of ${ROLES.join(', ')}`)
    }
    if (format !== 'text' && format !== 'json') throw new UsageError(`--format "${format}" is not text or json`)
    const question = {
      action,
      topic,
      clientId: values['client-id'],
      username,
      qos: readQos(values.qos),
      retain,
    } as const
    const config = readConfig(environment)
    const answer =
      sub === undefined
        ? await askOfToken(config, { org, signal }, await readToken(tokenFile!), question)
        : await askOfSub(config, { org, signal }, { ...question, principal: sub, role: role as Role | undefined })
    stdout.write(format === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : asText(answer))
    return 0
  },
}

interface Question {
  readonly action: Action
  readonly topic: string
  readonly clientId: string | undefined
  readonly username: string | undefined
  readonly qos: Qos | undefined
  readonly retain: boolean | undefined
}
type Place = Parameters<typeof withPlatformOrDatabase>[1]

function askOfSub(
  config: Config,
  place: Place,
  question: Question & { principal: string; role: Role | undefined },
): Promise<AccessAnswer> {
  const given = Object.entries(question).filter(([, value]) => value !== undefined)
  const query = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))
  return withPlatformOrDatabase(config, place, {
    running: async ask => (await ask(`/api/v1/admin/access?${query}`)) as unknown as AccessAnswer,
    stopped: db => withRights(db, config, rights => explainAccess(db, rights, place.org, question)),
  })
}

function askOfToken(config: Config, place: Place, token: string, question: Question): Promise<AccessAnswer> {
  return withPlatformOrDatabase(config, place, {
    running: async ask => (await ask('/api/v1/admin/access', { token, ...question })) as unknown as AccessAnswer,
    async stopped(db) {
      const holder = await createTokens(await openSigningKeys(config.dataDirectory)).verify(token)
      if (holder.org !== place.org)
        throw new UsageError(`the token is of another organisation; say --org ${holder.org}`)
      return withRights(db, config, rights => explainAccessOf(holder, rights, question))
    },
  })
}

async function withRights<T>(db: Database, { logFormat }: Config, work: (rights: Rights) => Promise<T>): Promise<T> {
  const rights = await Rights.open({ db, logger: createLogger({ logLevel: 'warn', logFormat }) })
  try {
    return await work(rights)
  } finally {
    await rights.close()
  }
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')).trim()
  } catch (error) {
    throw new UsageError(`--token-file cannot be read: ${(error as Error).message}`)
  }
}

function readQos(text: string | undefined): Qos | undefined {
  if (text === undefined) return undefined
  if (!/^[012]$/.test(text)) throw new UsageError(`--qos "${text}" is not 0, 1 or 2`)
  return Number(text) as Qos
}

function asText({ text, considered, note }: AccessAnswer): string {
  const steps = considered.map(({ text: step, decided }) => `  ${decided ? '→' : '-'} ${step}\n`)
  return `${text}\n${steps.join('')}${note === null ? '' : `Note: ${note}\n`}`
}
