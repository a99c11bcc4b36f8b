/**
 * Degrees from the form of NMEA 0183, degrees and minutes in one number: `4151.3521` is 41 degrees 51.3521 minutes. The degrees
 * may be missing, and some devices leave out the dot (`37573392`), or write the two apart with minus signs (`-23-3.3408`).
 * @param hemisphere N, S, E or W
 * @param wholeDigits digits of degrees and minutes together where the dot is missing: 4 for latitudes, 5 for longitudes
 * @returns null for what is no number
 */
export function degreesOfMinutes(text: string, hemisphere: string, wholeDigits: 4 | 5): number | null {
  const apart = /^-?(\d{1,3})-(\d+(?:\.\d+)?)$/.exec(text)
  const value = apart === null ? degreesTogether(text, wholeDigits) : Number(apart[1]) + Number(apart[2]) / 60
  if (value === null || !Number.isFinite(value)) return null
  return hemisphere === 'S' || hemisphere === 'W' ? -value : value
}

function degreesTogether(text: string, wholeDigits: number): number | null {
  const dotted =
    /^\d+$/.test(text) && text.length > wholeDigits ? `${text.slice(0, wholeDigits)}.${text.slice(wholeDigits)}` : text
  if (!/^\d+(\.\d*)?$/.test(dotted)) return null
  const number = Number(dotted)
  const degrees = Math.floor(number / 100)
  return degrees + (number - degrees * 100) / 60
}

/** Whether it is a place on Earth. */
export function isPlace(lat: number | null, lng: number | null): boolean {
  return lat !== null && lng !== null && Math.abs(lat) <= 90 && Math.abs(lng) <= 180
}
