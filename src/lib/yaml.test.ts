import { expect, test } from 'vitest'
import { parseYaml } from './yaml.ts'

test('reads one document: YAML, and JSON as a part of it', () => {
  expect(parseYaml('port: 8000\nhosts: [a, b]\n')).toEqual({ port: 8000, hosts: ['a', 'b'] })
  expect(parseYaml('{"port": 8000, "hosts": ["a", "b"]}')).toEqual({ port: 8000, hosts: ['a', 'b'] })
  expect(parseYaml('---\n# a comment\nport: 8000\n...\n')).toEqual({ port: 8000 })
})

test.each(['', '\n', '# a comment\n'])('a text without any content is nothing: %j', text => {
  expect(parseYaml(text) ?? undefined).toBeUndefined()
})

test.each(['port: 1\n---\nport: 2\n', 'port: 1\n---\n', '---\n---\n', '{"port": 1}\n--- {"port": 2}\n'])(
  'several documents in one text are refused, for all but the first would be lost: %j',
  text => {
    expect(() => parseYaml(text)).toThrow('it holds 2 documents; write one, without ---')
  },
)

test.each([
  ['a list without an end', 'hosts: [a, b'],
  ['a text without an end', 'host: "a'],
  ['a key that is there twice', 'port: 1\nport: 2\n'],
  ['a tab for indentation', 'a:\n\tb: 1\n'],
  ['a map in a value', 'a: b: c\n'],
  ['an alias that leads nowhere', 'port: *nowhere\n'],
  ['JSON with a comma too many', '{"port": 1,,}'],
  ['a word that is no JSON', '{"port": }}'],
])('%s is refused in one line that ends in no colon', (_what, text) => {
  expect(() => parseYaml(text)).toThrow(/^[^\n]+[^\n:\s]$/)
})

test('aliases of aliases are refused before they fill the memory', () => {
  const levels = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}]`)
  expect(() => parseYaml(['a0: &a0 [x]', ...levels].join('\n'))).toThrow(/^[^\n]*alias[^\n]*[^:]$/)
})
