import { CHANNEL_NAMES, CHANNELS, type Channel, type ChannelName } from './channels.ts'
import { ID_PATTERN, ORG_PATTERN } from './ids.ts'

/** The parameters of a topic: `{ org, deviceId, … }` as its template names them. */
export type TopicParams = Readonly<Record<string, string>>

export interface ParsedTopic {
  readonly channel: ChannelName
  readonly params: TopicParams
}

interface Level {
  readonly at: number
  readonly literal?: string
  readonly param?: string
  readonly choices?: ReadonlySet<string>
}

interface Template {
  readonly name: ChannelName
  readonly levels: readonly Level[]
  /** The literal levels first: almost every template that is not meant is told by them. */
  readonly inOrderOfCost: readonly Level[]
}

function readLevel(text: string, at: number): Level {
  if (!text.startsWith('{')) return { at, literal: text }
  const [param, choices] = text.slice(1, -1).split(':')
  return choices === undefined ? { at, param: param! } : { at, param: param!, choices: new Set(choices.split('|')) }
}

function readTemplate(name: ChannelName): Template {
  const levels = (CHANNELS[name] as Channel).template.split('/').map(readLevel)
  const literals = levels.filter(({ literal }) => literal !== undefined)
  return { name, levels, inOrderOfCost: [...literals, ...levels.filter(level => !literals.includes(level))] }
}

const TEMPLATES: readonly Template[] = CHANNEL_NAMES.map(readTemplate)
const BY_NAME = new Map(TEMPLATES.map(template => [template.name, template]))
/** The templates of so many levels. */
const BY_LENGTH = new Map(
  TEMPLATES.map(({ levels: { length } }) => [length, TEMPLATES.filter(({ levels }) => levels.length === length)]),
)

function fits(level: Level, text: string): boolean {
  if (level.literal !== undefined) return level.literal === text
  if (level.choices !== undefined) return level.choices.has(text)
  return (level.param === 'org' ? ORG_PATTERN : ID_PATTERN).test(text)
}

/** Builds the topic of a channel; a parameter that is missing or no valid id is a `TypeError` (a fault of ours, never of input). */
export function buildTopic(channel: ChannelName, params: TopicParams): string {
  return BY_NAME.get(channel)!
    .levels.map(level => {
      if (level.literal !== undefined) return level.literal
      const value = params[level.param!]
      if (value === undefined || !fits(level, value)) {
        throw new TypeError(`topic of ${channel}: ${level.param} is ${JSON.stringify(value)}`)
      }
      return value
    })
    .join('/')
}

/** Builds the filter of a channel; parameters that are left out become `+`. */
export function buildFilter(channel: ChannelName, params: TopicParams = {}): string {
  return BY_NAME.get(channel)!
    .levels.map(level => level.literal ?? params[level.param!] ?? '+')
    .join('/')
}

/** Which channel a topic name belongs to, or null. A topic belongs to one channel at the most (a test holds the table to it). */
export function parseTopic(topic: string): ParsedTopic | null {
  const texts = topic.split('/')
  for (const template of BY_LENGTH.get(texts.length) ?? []) {
    if (fitsAll(template, texts)) return { channel: template.name, params: paramsOf(template, texts) }
  }
  return null
}

function fitsAll({ inOrderOfCost }: Template, texts: readonly string[]): boolean {
  for (const level of inOrderOfCost) if (!fits(level, texts[level.at]!)) return false
  return true
}

function paramsOf({ levels }: Template, texts: readonly string[]): TopicParams {
  const params: Record<string, string> = {}
  for (const { param, at } of levels) if (param !== undefined) params[param] = texts[at]!
  return params
}

/**
 * The channels whose topics a filter can match, with the parameters as the filter pins them: an id, or `+` where it
 * leaves them open.
 */
export function channelsUnder(filter: string): ParsedTopic[] {
  const texts = filter.split('/')
  const found: ParsedTopic[] = []
  for (const { name, levels } of TEMPLATES) {
    const params = pinnedParams(levels, texts)
    if (params !== null) found.push({ channel: name, params })
  }
  return found
}

function pinnedParams(levels: readonly Level[], texts: readonly string[]): Record<string, string> | null {
  const hash = texts.indexOf('#')
  if (hash === -1 ? texts.length !== levels.length : hash > levels.length) return null
  const params: Record<string, string> = {}
  for (const [i, level] of levels.entries()) {
    const text = hash !== -1 && i >= hash ? '+' : texts[i]!
    if (text !== '+' && !fits(level, text)) return null
    if (level.param !== undefined) params[level.param] = text
  }
  return params
}

/** Whether a topic filter is well-formed: `#` alone on the last level, `+` alone on a level. [MQTT-4.7.1-1] to [MQTT-4.7.1-3] */
export function isFilter(filter: string): boolean {
  if (filter.length === 0 || filter.includes('\0')) return false
  const levels = filter.split('/')
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1
    return level === '+' || !/[#+]/.test(level)
  })
}

/** Whether the topic name matches the filter. [MQTT-4.7.1-2], [MQTT-4.7.2-1] */
export function matchesFilter(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[#+]/.test(filter)) return false
  return coversFilter(filter, topic)
}

/**
 * Whether every topic that `filter` matches is matched by `pattern` too. Walks both texts level by level and makes no others:
 * an `acl` claim asks it for each of its rules.
 */
export function coversFilter(pattern: string, filter: string): boolean {
  let at = 0
  let from = 0
  while (at <= pattern.length) {
    const end = endOfLevel(pattern, at)
    if (isLevel(pattern, at, end, '#')) return true
    // `a/#` matches `a` too [MQTT-4.7.1-2], so a level may be missing only under a trailing `#`, handled above.
    if (from > filter.length) return false
    const to = endOfLevel(filter, from)
    if (isLevel(filter, from, to, '#')) return false
    if (!isLevel(pattern, at, end, '+') && !isSameLevel(pattern, at, end, filter, from, to)) return false
    at = end + 1
    from = to + 1
  }
  return from > filter.length
}

function endOfLevel(text: string, from: number): number {
  const end = text.indexOf('/', from)
  return end === -1 ? text.length : end
}

function isLevel(text: string, from: number, end: number, wildcard: '+' | '#'): boolean {
  return end === from + 1 && text[from] === wildcard
}

function isSameLevel(a: string, fromA: number, endA: number, b: string, fromB: number, endB: number): boolean {
  if (endA - fromA !== endB - fromB) return false
  for (let i = 0; i < endA - fromA; i++) if (a.charCodeAt(fromA + i) !== b.charCodeAt(fromB + i)) return false
  return true
}
