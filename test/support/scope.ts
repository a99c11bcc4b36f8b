import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a helper needs of a test: somewhere to register the release of what it made. `TestContext` of node:test has both. */
export interface TestScope {
  after(release: () => Promise<void> | void): void
  skip?(reason?: string): void
}

/** A folder that is gone after the test. */
export async function temporaryFolder(t: TestScope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trackwire-test-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A scope for suites and programs, which have no test of their own: what was made last is released first. */
export function openScope(): TestScope & { release(): Promise<void> } {
  const releases: (() => Promise<void> | void)[] = []
  return {
    after: release => void releases.unshift(release),
    skip: reason => console.log(reason),
    async release() {
      for (const release of releases.splice(0)) await release()
    },
  }
}
