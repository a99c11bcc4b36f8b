import { execFile } from 'node:child_process'
import { NODE_ARGUMENTS } from './node-arguments.ts'
import { TRACKWIRE } from './platform.ts'
import { type TestScope, temporaryFolder } from './scope.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the trackwire command as a shell would, in a folder of its own unless one is given, with nothing but PATH inherited; `input` is its standard input. */
export async function trackwire(
  t: TestScope,
  args: string[],
  environment: Record<string, string> = {},
  folder?: string,
  input?: string,
): Promise<Outcome> {
  const cwd = folder ?? (await temporaryFolder(t))
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      [...NODE_ARGUMENTS, TRACKWIRE, ...args],
      { cwd, env: { PATH: process.env.PATH ?? '', ...environment } },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr })
      },
    )
    if (input !== undefined) child.stdin!.end(input)
  })
}
