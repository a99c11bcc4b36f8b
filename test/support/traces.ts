import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** The times of every device of the real traces, ascending, milliseconds. */
export function readTraceTimes(dataDirectory: string): Map<string, number[]> {
  const folder = join(dataDirectory, 'traces')
  const times = new Map<string, number[]>()
  for (const file of readdirSync(folder).filter(name => name.endsWith('.csv.gz'))) {
    const [head, ...lines] = gunzipSync(readFileSync(join(folder, file)))
      .toString('utf8')
      .trimEnd()
      .split('\n')
    const columns = head!.split(',')
    const [device, time] = [columns.indexOf('device'), columns.indexOf('timestamp_ms')]
    for (const line of lines) {
      const cells = line.split(',')
      const key = `${file}/${cells[device]}`
      const known = times.get(key)
      if (known === undefined) times.set(key, [Number(cells[time])])
      else known.push(Number(cells[time]))
    }
  }
  return times
}
