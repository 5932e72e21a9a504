import { expect, test } from 'vitest'
import { SETTINGS_BY_KEY } from './settings.ts'

test.each([
  ['8700-8999', { first: 8700, last: 8999 }],
  ['1024-65535', { first: 1024, last: 65_535 }],
  ...['8700', '80-900', '9000-8000', '9000-9050', '60000-70000', '8700-8999,9100', ''].map(
    (text): [string, undefined] => [text, undefined],
  ),
])('reads a range of ports that is large enough: %j', (text, expected) => {
  expect(SETTINGS_BY_KEY.scheduler_ports.parse(text)).toEqual(expected)
})
