import { useEffect, useState } from 'react'

/** The clock, again every `periodMs`. @param now where the time comes from; keep its identity */
export function useNow(now: () => number, periodMs = 1_000): number {
  const [time, setTime] = useState(now)
  useEffect(() => {
    setTime(now())
    const timer = setInterval(() => setTime(now()), periodMs)
    return () => clearInterval(timer)
  }, [now, periodMs])
  return time
}
