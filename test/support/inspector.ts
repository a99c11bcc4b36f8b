import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { RunningPlatform } from './platform.ts'

/** An argument of node: its inspector listens on a free port, which it prints to standard error. */
export const INSPECTABLE = '--inspect=127.0.0.1:0'

/**
 * Collects the whole heap of a platform that was started {@link INSPECTABLE}, so that what is measured afterwards is what it holds, not what a
 * collector that had no reason to hurry has left lying (Chrome DevTools Protocol, `HeapProfiler.collectGarbage`).
 */
export async function collectGarbage(platform: RunningPlatform): Promise<void> {
  const [url] = /ws:\/\/127\.0\.0\.1:\S+/.exec(platform.output()) ?? []
  if (url === undefined) throw new Error('the platform was not started with its inspector')
  const inspector = new WebSocket(url)
  await once(inspector, 'open')
  inspector.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }))
  await once(inspector, 'message')
  inspector.terminate()
}
