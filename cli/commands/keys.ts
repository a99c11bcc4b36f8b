import { parseArgs } from 'node:util'
import { type KeyView, openSigningKeys, recordAudit, type SigningKeys } from '../../bridge/index.ts'
import { CLI_ACTOR } from '../cli-actor.ts'
import { type Command, UsageError } from '../command.ts'
import { type Config, readConfig } from '../config.ts'
import { checkId } from '../identifiers.ts'
import { withPlatformOrDatabase } from '../platform-or-database.ts'

export const keysCommand: Command = {
  help: `Usage: trackwire keys list
       trackwire keys rotate [--now]
       trackwire keys retire KID

The keys in TRACKWIRE_DATA that sign tokens. Works beside a running platform, which takes changes up without a restart,
and without one.

  list             each key with its state: signing, verifying (older ones), waiting (will sign)
  rotate           adds a key. It verifies at once and signs six minutes later, when every verifier knows it; nobody notices
  rotate --now     signs with it at once: after a theft, before the stolen one is retired
  retire KID       takes a key out of use. Every token that it signed is refused from now on, those of devices too
  --config FILE    read settings from FILE
  --help           this text

A retired key stays in the folder as retired-N.jwk.json; renamed back to signing-N.jwk.json it is in use again.
`,
  async run(args, { environment, stdout, signal }) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { now: { type: 'boolean', default: false } },
    })
    const [verb, kid, ...more] = positionals
    const takesKid = verb === 'retire'
    if (!['list', 'rotate', 'retire'].includes(verb ?? '') || takesKid !== (kid !== undefined) || more.length > 0)
      throw new UsageError('say "trackwire keys list", "trackwire keys rotate" or "trackwire keys retire KID"')
    if (values.now && verb !== 'rotate') throw new UsageError('--now belongs to "trackwire keys rotate"')
    if (kid !== undefined) checkId('the key id', kid)
    const config = readConfig(environment)
    if (verb === 'list') {
      const keys = await openSigningKeys(config.dataDirectory)
      stdout.write(keys.list().map(lineOf).join(''))
    } else if (verb === 'rotate') {
      stdout.write(lineOf(await rotate(config, values.now, signal)))
    } else {
      await retire(config, kid!, signal)
      stdout.write(`${kid} is retired\n`)
    }
    return 0
  },
}

function lineOf({ kid, algorithm, state, signsFrom, createdAt }: KeyView): string {
  const since = state === 'waiting' ? `signs from ${iso(signsFrom)}` : `made ${iso(createdAt)}`
  return `${kid}  ${algorithm}  ${state.padEnd(9)}  ${since}\n`
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+/, '')
}

function rotate(config: Config, immediately: boolean, signal: AbortSignal): Promise<KeyView> {
  const act = { action: 'key.rotate', target: 'signing-keys', detail: { immediately } }
  return change(config, signal, act, {
    path: '/api/v1/admin/keys/rotate',
    body: { immediately },
    stopped: keys => keys.rotate({ immediately }),
  })
}

async function retire(config: Config, kid: string, signal: AbortSignal): Promise<void> {
  await change(
    config,
    signal,
    { action: 'key.retire', target: kid },
    {
      path: `/api/v1/admin/keys/${kid}/retire`,
      body: {},
      stopped: keys => keys.retire(kid),
    },
  )
}

function change<T>(
  config: Config,
  signal: AbortSignal,
  act: { action: string; target: string; detail?: Record<string, unknown> },
  { path, body, stopped }: { path: string; body: object; stopped(keys: SigningKeys): Promise<T> },
): Promise<T> {
  const org = config.platformOrg
  return withPlatformOrDatabase(
    config,
    { org, signal },
    {
      running: async ask => (await ask(path, body)) as T,
      stopped: async db => {
        const keys = await openSigningKeys(config.dataDirectory)
        return db.transaction(async tx => {
          await recordAudit(tx, { org, actor: CLI_ACTOR, ...act }, Date.now())
          return stopped(keys)
        })
      },
    },
  )
}
