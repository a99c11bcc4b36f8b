import { after, before, test } from 'node:test'
import type { Database } from '../../bridge/index.ts'
import { openScope, type TestScope } from './scope.ts'

export interface DatabaseSuite {
  /** A test with an organisation of its own; skipped, visibly, when the database is not to be had. */
  it(sentence: string, body: (t: TestScope, org: string) => Promise<void>): void
  newOrg(): string
  /** The organisation made last. */
  org(): string
}

/** One database for all tests of the `describe` it is called in, opened before them and released after. */
export function onDatabase(
  name: string,
  openDatabase: (t: TestScope) => Promise<Database | undefined>,
  { orgs: prefix, use }: { readonly orgs: string; use(db: Database): void },
): DatabaseSuite {
  const scope = openScope()
  let missing = false
  let orgs = 0
  before(async () => {
    const opened = await openDatabase(scope)
    if (opened === undefined) missing = true
    else use(opened)
  })
  after(() => scope.release())
  const newOrg = (): string => `${prefix}-${++orgs}`
  return {
    newOrg,
    org: () => `${prefix}-${orgs}`,
    it(sentence, body) {
      test(sentence, async t => {
        if (missing) t.skip(`no ${name}`)
        else await body(t as unknown as TestScope, newOrg())
      })
    },
  }
}
