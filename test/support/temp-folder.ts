import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a helper needs of a test: somewhere to register the release of what it made. */
export interface Scope {
  after(release: () => Promise<void> | void): void
}

/** A folder that is gone after the test. */
export async function tempFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trackwire-broker-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
