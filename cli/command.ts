import type { Environment } from './config.ts'

/** What a command sees of the process; nothing else of it is touched outside `main.ts`. */
export interface CommandContext {
  readonly environment: Environment
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Aborted at the first SIGINT or SIGTERM; the second ends the process. */
  readonly signal: AbortSignal
  /** Called at each SIGHUP from now on, which ends the process by itself. */
  onHangup(listener: () => void): void
}

export interface Command {
  readonly help: string
  /** Resolves with the exit code: 0 done, 1 failed, 2 called wrongly. */
  run(args: string[], context: CommandContext): Promise<number>
}

/** A mistake in how a command was called: one plain sentence, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
