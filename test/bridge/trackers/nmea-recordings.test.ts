import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FrameStream } from '../../../bridge/trackers/frame-stream.ts'
import { nmea } from '../../../bridge/trackers/nmea/index.ts'
import type { Report } from '../../../bridge/trackers/report.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA

interface ReferenceFix {
  readonly time?: string
  readonly lat?: number
  readonly lon?: number
  readonly speed?: number
  readonly track?: number
  readonly altMSL?: number
}

/** A recording as a connection would bring it. */
function reportsOf(bytes: Buffer): Report[] {
  const stream = new FrameStream(nmea)
  let memory = nmea.initial
  const reports: Report[] = []
  for (let at = 0; at < bytes.length; at += 700) {
    for (const frame of stream.push(bytes.subarray(at, at + 700))) {
      const decoded = nmea.decode(frame, memory, { receivedAt: Date.UTC(2026, 0, 1) })
      memory = decoded.memory
      reports.push(...decoded.reports)
    }
  }
  return reports
}

function byMoment(fixes: readonly ReferenceFix[]): Map<string, ReferenceFix[]> {
  const moments = new Map<string, ReferenceFix[]>()
  for (const fix of fixes) moments.set(fix.time!, [...(moments.get(fix.time!) ?? []), fix])
  return moments
}

/** Recordings in which receivers do what we read in another way than the reference. */
const ODD: Readonly<Record<string, string>> = {
  'rst39.nmea': 'gpsd takes its date for one of the week count before and adds 1,024 weeks; the sentences say 2014',
}

const skip = DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA'
const index =
  DATA === undefined
    ? []
    : (JSON.parse(readFileSync(join(DATA, 'nmea', 'index.json'), 'utf8')) as { file: string; rollover: boolean }[])

test('recordings of real receivers are read as gpsd reads them', { skip }, async t => {
  for (const { file } of index) {
    await t.test(file, { skip: ODD[file] }, t => {
      const name = file.replace('.nmea', '')
      const reports = reportsOf(readFileSync(join(DATA!, 'nmea', file)))
      const byTime = new Map(
        reports.filter(({ position }) => position !== null).map(report => [report.timestamp, report]),
      )
      const told = readFileSync(join(DATA!, 'nmea', `${name}.fixes.jsonl`), 'utf8')
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as ReferenceFix)
        .filter(({ time, lat }) => time !== undefined && lat !== undefined)
      // gpsd tells a moment again with each sentence, and once with what already belongs to the next: one of them has to be ours.
      const moments = byMoment(told)
      const wrong = [...moments].flatMap(([time, fixes]) => {
        const report = byTime.get(Date.parse(time))
        if (report?.position == null) return [`${time}: no report`]
        const { lat, lng, speed = 0 } = report.position
        const agrees = fixes.some(
          fix =>
            Math.hypot(lat - fix.lat!, lng - fix.lon!) < 2e-5 &&
            (fix.speed === undefined || Math.abs(speed - fix.speed) < 0.2),
        )
        return agrees ? [] : [`${time}: ${lat}, ${lng} at ${speed} m/s, not ${JSON.stringify(fixes.at(-1))}`]
      })
      t.diagnostic(
        `${moments.size - wrong.length} of ${moments.size} moments agree, ${reports.length} reports; ${wrong.slice(0, 3).join('; ')}`,
      )
      assert.ok(wrong.length <= 0.01 * moments.size + 1, wrong.slice(0, 5).join('\n'))
    })
  }
})
