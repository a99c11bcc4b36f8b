import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { TrackPoint } from '../track.ts'
import { checkPoint, readTime } from './check-point.ts'
import { trackFileError } from './track-file-error.ts'

type Node = { readonly [key: string]: unknown }

/** GPX elements that repeat; everything else is read once. */
const LISTS = new Set(['trk', 'trkseg', 'trkpt', 'rte', 'rtept'])

/**
 * Reads GPX 1.0 and 1.1: the points of all tracks and their segments, one after the other; when there is no track point,
 * those of the routes. Way points are places, not a track, and are not read. Element names may carry a prefix.
 * @throws TrackwireError request_invalid naming file, line (of XML faults) and cause
 */
export function readGpx(text: string, file: string, defaultDevice: string): Map<string, TrackPoint[]> {
  const source = text.replace(/^\uFEFF/, '')
  // A track never needs entities of its own, and they are how XML files attack their readers.
  if (/<!DOCTYPE/i.test(source)) throw trackFileError('syntax', file, undefined, 'a GPX file may not have a DOCTYPE')
  const valid = XMLValidator.validate(source)
  if (valid !== true) throw trackFileError('syntax', file, valid.err.line, `not well-formed XML: ${valid.err.msg}`)
  const gpx = child(parse(source, file), 'gpx')
  if (gpx === undefined) throw trackFileError('syntax', file, undefined, 'the root element is not <gpx>')

  const tracks = list(gpx, 'trk')
  const points = tracks.flatMap(track => list(track, 'trkseg').flatMap(segment => list(segment, 'trkpt')))
  const chosen = points.length > 0 ? points : list(gpx, 'rte').flatMap(route => list(route, 'rtept'))
  if (chosen.length === 0) {
    throw trackFileError('empty', file, undefined, 'no <trkpt> and no <rtept>; way points alone are not a track')
  }
  return new Map([[defaultDevice, chosen.map((node, i) => readPoint(node, i, file))]])
}

function parse(source: string, file: string): Node {
  try {
    return new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      parseTagValue: false,
      parseAttributeValue: false,
      removeNSPrefix: true,
      isArray: name => LISTS.has(name),
    }).parse(source) as Node
  } catch (error) {
    throw trackFileError('syntax', file, undefined, `not readable XML: ${(error as Error).message}`, error)
  }
}

function child(node: Node, name: string): Node | undefined {
  const value = node[name]
  // An empty element is read as ''.
  if (value === '') return {}
  return typeof value === 'object' && value !== null ? (value as Node) : undefined
}

/** Child elements of a name; empty ones (`<trkseg/>`) are left out. */
function list(node: Node, name: string): Node[] {
  const value = node[name]
  return Array.isArray(value) ? value.filter((item): item is Node => typeof item === 'object' && item !== null) : []
}

function readPoint(node: Node, index: number, file: string): TrackPoint {
  const lat = numberOf(node['@lat'])
  const lng = numberOf(node['@lon'])
  if (lat === undefined || lng === undefined) {
    throw trackFileError('value-invalid', file, undefined, `point ${index + 1} has no readable lat and lon`)
  }
  const time = textOf(node.time)
  const timestampMs = time === undefined ? undefined : readTime(time)
  if (Number.isNaN(timestampMs)) {
    throw trackFileError('value-invalid', file, undefined, `point ${index + 1}: "${time}" is not a time`)
  }
  return checkPoint(
    {
      timestampMs,
      lat,
      lng,
      altitude: numberOf(node.ele),
      // `speed` and `course` are elements of GPX 1.0; 1.1 files carry them in extensions of many kinds.
      speed: numberOf(node.speed) ?? numberOf(inExtensions(node, 'speed')),
      heading: numberOf(node.course) ?? numberOf(inExtensions(node, 'course')),
    },
    file,
    undefined,
  )
}

function inExtensions(node: Node, name: string): unknown {
  const extensions = child(node, 'extensions')
  if (extensions === undefined) return undefined
  const nested = Object.values(extensions).find(value => typeof value === 'object' && value !== null && name in value)
  return extensions[name] ?? (nested as Node | undefined)?.[name]
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

function numberOf(value: unknown): number | undefined {
  const text = textOf(value)
  const number = text === undefined ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
