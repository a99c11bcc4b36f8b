/** Lines on a grid of 20 by 20. */
const PATHS = {
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13.2 13.2 17 17',
  close: 'm5 5 10 10M15 5 5 15',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1',
  moon: 'M16.5 11.8A6.8 6.8 0 0 1 8.2 3.5a6.8 6.8 0 1 0 8.3 8.3z',
  logout: 'M8 3.5H4.5v13H8M12.5 6.5 16 10l-3.5 3.5M16 10H8',
  soundOn: 'M3 8v4h2.8L10 15.5v-11L5.8 8zM13 7.5a3.5 3.5 0 0 1 0 5M15.3 5.2a6.8 6.8 0 0 1 0 9.6',
  soundOff: 'M3 8v4h2.8L10 15.5v-11L5.8 8zM13.5 8l4 4M17.5 8l-4 4',
  fit: 'M3 7.5V3h4.5M12.5 3H17v4.5M17 12.5V17h-4.5M7.5 17H3v-4.5',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  enter: 'M9 3.5h7.5v13H9M3 10h8.5M8.5 7l3 3-3 3',
  exit: 'M11 3.5H3.5v13H11M8.5 10H17M14 7l3 3-3 3',
  dwell: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4l2.8 1.8',
  alarm: 'M10 2.8 18 16.8H2zM10 8v4M10 14.2v.6',
  follow: 'M10 5.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10 2v3M10 15v3M2 10h3M15 10h3',
  copy: 'M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7',
  map: 'm2.5 5 5-2 5 2 5-2v12l-5 2-5-2-5 2zM7.5 3v12M12.5 5v12',
  fence: 'M4 5.5 14.5 3.5 17 14 7 16.5zM4 5.5h.01M14.5 3.5h.01M17 14h.01M7 16.5h.01',
  bell: 'M10 3a4.5 4.5 0 0 0-4.5 4.5c0 4-2 5.5-2 5.5h13s-2-1.5-2-5.5A4.5 4.5 0 0 0 10 3zM8.3 16a1.8 1.8 0 0 0 3.4 0',
  people:
    'M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 16.5c0-3 2.5-5 5.5-5s5.5 2 5.5 5M13 3.8a3 3 0 0 1 0 5.4M15 12c1.9.8 3 2.4 3 4.5',
  pulse: 'M2 10.5h3.5L8 4l4 12.5 2.5-6H18',
  details: 'M4 3.5h12v13H4zM7 7.5h6M7 10.5h6M7 13.5h3.5',
  next: 'm7.5 4 6 6-6 6',
  play: 'M6 4v12l10-6z',
  pause: 'M6.5 4v12M13.5 4v12',
  reload: 'M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4',
  device: 'M6 2.5h8v15H6zM9 14.5h2',
  link: 'M8.5 11.5a3 3 0 0 0 4.2 0l3-3a3 3 0 0 0-4.2-4.2l-1 1M11.5 8.5a3 3 0 0 0-4.2 0l-3 3a3 3 0 0 0 4.2 4.2l1-1',
  list: 'M7 5h10M7 10h10M7 15h10M3.5 5h.01M3.5 10h.01M3.5 15h.01',
  back: 'M12.5 4 6.5 10l6 6',
} as const

export type IconName = keyof typeof PATHS

/** Decoration: the name of a button stands beside it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

export function BrandMark() {
  return (
    <svg className="brand__mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M16 6l8 19-8-4.6L8 25z" />
    </svg>
  )
}
