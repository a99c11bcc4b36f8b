import { parseArgs } from 'node:util'
import { checkShareScope, createTokens, openSigningKeys } from '../../bridge/index.ts'
import { Claims, checkSchema, ROLES, type Role, type ShareScope, TrackwireError } from '../../contract/index.ts'
import { type Command, UsageError } from '../command.ts'
import { readConfig } from '../config.ts'
import { readDuration } from '../duration.ts'
import { checkId, checkOrg, readIds } from '../identifiers.ts'

export const tokenCommand: Command = {
  help: `Usage: trackwire token --org ORG --role ROLE --sub ID [options]

Prints a JWT, alone, on standard output. It is signed with the key in TRACKWIRE_DATA, which is made when there is none.

  --org ORG        organisation, the first topic level
  --role ROLE      ${ROLES.join(', ')}
  --sub ID         who: a user id or a device id
  --ttl TIME       how long it is valid: 90s, 15m, 1h, 30d [1h]
  --devices A,B    devices it may watch (drivers: act for), beside what the role grants
  --groups A,B     groups of devices
  --acl JSON       [{"permission":"allow"|"deny","action":"publish"|"subscribe"|"all","topic":"…"}] or {"pub":[…],"sub":[…],"all":[…]}
  --scope JSON     share link: {"devices":["…"],"from":ms,"until":ms} and, when wanted, "history":true, "area":GeoJSON Polygon,
                   "precisionMeters":500; the token can do nothing but look at that. It needs a --sub of its own
  --config FILE    read settings from FILE
  --help           this text

Example: mosquitto_pub -q 1 -t demo/devices/truck-7/location -u any \\
           -P "$(npx trackwire token --org demo --role device --sub truck-7)" \\
           -m '{"timestamp":'$(date +%s000)',"location":{"lat":41.1496,"lng":-8.6109}}'
`,
  async run(args, { environment, stdout }) {
    const { values } = parseArgs({
      args,
      options: {
        org: { type: 'string' },
        role: { type: 'string' },
        sub: { type: 'string' },
        ttl: { type: 'string', default: '1h' },
        devices: { type: 'string' },
        groups: { type: 'string' },
        acl: { type: 'string' },
        scope: { type: 'string' },
      },
    })
    const { org, role, sub } = values
    if (org === undefined || role === undefined || sub === undefined)
      throw new UsageError('token needs --org, --role and --sub; see trackwire token --help')
    checkOrg(org)
    checkId('--sub', sub)
    if (!ROLES.includes(role as Role)) throw new UsageError(`--role "${role}" is not one of ${ROLES.join(', ')}`)
    const ttlSeconds = readDuration('--ttl', values.ttl)
    const claims = {
      sub,
      org,
      role: role as Role,
      ...(values.devices === undefined ? {} : { devices: readIds('--devices', values.devices) }),
      ...(values.groups === undefined ? {} : { groups: readIds('--groups', values.groups) }),
      ...(values.acl === undefined ? {} : { acl: readJson('--acl', values.acl) as Claims['acl'] }),
      ...(values.scope === undefined ? {} : { scope: readScope(values.scope) }),
    }
    checkClaims(claims)
    const keys = await openSigningKeys(readConfig(environment).dataDirectory)
    stdout.write(`${await createTokens(keys).mint({ ...claims, ttlSeconds })}\n`)
    return 0
  },
}

function readJson(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${option} is not JSON: ${(error as Error).message}`)
  }
}

function readScope(text: string): ShareScope {
  const scope = readJson('--scope', text)
  try {
    return checkShareScope(scope)
  } catch (error) {
    if (error instanceof TrackwireError) throw new UsageError(`--scope: ${error.message}; see trackwire token --help`)
    throw error
  }
}

function checkClaims(claims: object): void {
  try {
    checkSchema(Claims, { ...claims, exp: 0 })
  } catch (error) {
    if (error instanceof TrackwireError) throw new UsageError(`--acl: ${error.message}; see trackwire token --help`)
    throw error
  }
}
