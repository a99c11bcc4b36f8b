import { GPS_EPOCH_MS } from '../../../contract/index.ts'
import { locationUpdatesOf } from '../../trackers/location-updates.ts'
import { lastMoment, nmea } from '../../trackers/nmea/index.ts'
import type { Report } from '../../trackers/report.ts'
import { Lines } from './lines.ts'
import { type Found, TrackFileFault, type TrackReader } from './track-reader.ts'

/**
 * NMEA 0183 as loggers write it, read as the tracker protocol is. Sentences without a date take that of the moment before; before
 * there was any, nobody knows their day.
 */
export function nmeaReader(): TrackReader {
  const lines = new Lines()
  let memory = nmea.initial
  let datedAt = 0
  let sentences = 0
  let lastLine = 1

  function tell(line: number, reports: readonly Report[]): Found[] {
    const found: Found[] = []
    for (const report of reports) {
      if (report.timestamp === null || report.timestamp < GPS_EPOCH_MS) {
        if (report.position?.valid) found.push({ line, error: 'has no date: no RMC or ZDA sentence has told one yet' })
        continue
      }
      datedAt = report.timestamp
      found.push(...locationUpdatesOf([report], report.timestamp).map(fix => ({ line, fix })))
    }
    return found
  }

  function read(all: { line: number; text: string }[]): Found[] {
    return all.flatMap(({ line, text }) => {
      lastLine = line
      if (text.trim() === '') return []
      const decoded = nmea.decode(Buffer.from(text, 'latin1'), memory, { receivedAt: datedAt })
      memory = decoded.memory
      if (text.includes('$')) sentences += 1
      const found = tell(line, decoded.reports)
      return decoded.fault !== undefined && text.includes('$') ? [...found, { line, error: decoded.fault }] : found
    })
  }

  return {
    push: text => read(lines.push(text)),
    end() {
      const found = read(lines.end())
      if (sentences === 0) throw new TrackFileFault(1, 'there is no NMEA sentence in it')
      return [...found, ...tell(lastLine, lastMoment(memory))]
    },
  }
}
