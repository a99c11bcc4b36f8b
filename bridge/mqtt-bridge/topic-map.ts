import { matchesFilter } from '../../contract/index.ts'
import type { BridgeRoute } from '../store/bridge-queue.ts'
import type { BridgeSettings, TopicMap } from './settings.ts'

export function localFilter(org: string, { localPrefix, filter }: TopicMap): string {
  return `${org}/${localPrefix}${filter}`
}

export function remoteFilter({ remotePrefix, filter }: TopicMap): string {
  return remotePrefix + filter
}

/** What one of our topics is called at the other broker, and the map that says so: the first that matches. */
export function toRemote(
  { org, topics }: Pick<BridgeSettings, 'org' | 'topics'>,
  topic: string,
): { map: TopicMap; topic: string } | null {
  for (const map of topics) {
    if (map.direction === 'in' || !matchesFilter(localFilter(org, map), topic)) continue
    return { map, topic: map.remotePrefix + topic.slice(org.length + 1 + map.localPrefix.length) }
  }
  return null
}

/** What a topic of the other broker is called here. */
export function toLocal({ org, topics }: Pick<BridgeSettings, 'org' | 'topics'>, topic: string): string | null {
  for (const map of topics) {
    if (map.direction === 'out' || !matchesFilter(remoteFilter(map), topic)) continue
    return `${org}/${map.localPrefix}${topic.slice(map.remotePrefix.length)}`
  }
  return null
}

/** The maps by which messages go out that are kept while the other broker is away. No topic is in a map of QoS 0 and in one of these. */
export function routesOf({ name, org, topics }: BridgeSettings): BridgeRoute[] {
  return topics.flatMap((map, place) =>
    map.direction === 'in' || map.qos === 0
      ? []
      : [
          {
            bridge: name,
            place,
            pattern: patternOf(localFilter(org, map)),
            localPrefixLength: org.length + 1 + map.localPrefix.length,
            remotePrefix: map.remotePrefix,
          },
        ],
  )
}

/** A filter as PostgreSQL's regular expression of the topics that it matches. */
export function patternOf(filter: string): string {
  const parts = filter.split('/').map((level, i) => {
    const slash = i === 0 ? '' : '/'
    if (level === '#') return i === 0 ? '.*' : '(/.*)?'
    return slash + (level === '+' ? '[^/]*' : level.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  })
  return `^${parts.join('')}$`
}

/** Whether there is a topic that both filters match. */
export function filtersMeet(one: string, other: string): boolean {
  const [a, b] = [one.split('/'), other.split('/')]
  for (let i = 0; ; i++) {
    if (a[i] === '#' || b[i] === '#') return true
    if (a[i] === undefined || b[i] === undefined) {
      // `a/#` matches `a` too. [MQTT-4.7.1-2]
      return a[i] === b[i]
    }
    if (a[i] !== '+' && b[i] !== '+' && a[i] !== b[i]) return false
  }
}
