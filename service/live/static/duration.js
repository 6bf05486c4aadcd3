/**
 * Owns how a length of time is worded: the same to the character as the server's `duration` (both are held to
 * tests/live/durations.json). Pure.
 */

/** @typedef {string | string[]} Phrase a sentence, or its plural forms: for one, for few, for many */

/** @typedef {Record<string, Phrase>} Phrases */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Where the plural categories of CLDR stand in a list of forms; English says "other" for all but one. */
const FORMS = ["one", "few"];

/** @type {Map<string, Intl.PluralRules>} made once each: a board words a thousand durations a second */
const rules = new Map();

/**
 * @param {Phrase} phrase
 * @param {number} count goes where the phrase says `%(num)s`
 * @param {string} lang
 * @returns {string}
 */
export function counted(phrase, count, lang) {
  const rule = rules.get(lang) ?? new Intl.PluralRules(lang);
  rules.set(lang, rule);
  const index = FORMS.indexOf(rule.select(count));
  const form = typeof phrase === "string" ? phrase : phrase.at(index);
  return (form ?? "").replace("%(num)s", String(count));
}

/**
 * "under a minute", "15 min", "2 h 15 min", "3 days 4 h": two units at most, and no part that is nought.
 *
 * @param {number} seconds negative counts as 0
 * @param {Phrases} words with `moment` (for less than a minute), `minute`, `hour` and `day`
 * @param {string} lang
 * @returns {string}
 */
export function duration(seconds, words, lang) {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / DAY);
  const hours = Math.floor((whole % DAY) / HOUR);
  const minutes = days > 0 ? 0 : Math.floor((whole % HOUR) / MINUTE);
  /** @type {[string, number][]} */
  const parts = [["day", days], ["hour", hours], ["minute", minutes]];
  const said = parts.filter(([, count]) => count > 0).map(([unit, count]) => counted(words[unit], count, lang));
  return said.length > 0 ? said.join(" ") : counted(words.moment, 0, lang);
}
