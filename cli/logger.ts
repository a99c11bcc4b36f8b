import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

/** Logs go to standard error: readable in a terminal, JSON otherwise. Standard output is for what a command answers. */
export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const readable = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY)
  const options = { level: logLevel, redact: ['token', 'password', '*.token', '*.password', 'headers.authorization'] }
  if (!readable)
    return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
  return pino(options, pretty({ destination: 2, sync: true, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname' }))
}
