import type { Found, TrackReader } from './track-reader.ts'
import type { XmlStream } from './xml-stream.ts'

/** A reader of XML whose listener puts what it finds into `found`. */
export function xmlTrackReader(xml: XmlStream, found: Found[], checkEnd: () => void): TrackReader {
  return {
    push(text) {
      xml.push(text)
      return found.splice(0)
    },
    end() {
      xml.end()
      checkEnd()
      return found.splice(0)
    },
  }
}
