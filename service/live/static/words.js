// Durations and moments in words: to the character what service/live/text/formats.py says.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FORMS = ["one", "few", "many"];

/** How long something lasts. `words` is what the server sends with the page; a list of forms is a plural. */
export function duration(seconds, words, language) {
  const whole = Math.floor(Math.max(0, seconds));
  const days = Math.floor(whole / DAY);
  const hours = Math.floor((whole % DAY) / HOUR);
  const minutes = Math.floor((whole % HOUR) / MINUTE);
  const said = [];
  if (days) said.push(fill(plural(words.day, days, language), { num: days }));
  if (hours) said.push(fill(words.hour, { num: hours }));
  if (minutes && !days) said.push(fill(words.minute, { num: minutes }));
  return said.length ? said.join(" ").replaceAll(" ", "\u00a0") : words.moment;
}

/** A moment's local time, with its date where that is not the day it is seen on; both are ISO, local. */
export function moment(at, seen, words) {
  const time = at.slice(11, 19);
  if (at.slice(0, 10) === seen.slice(0, 10)) return time;
  const [year, month, day] = at.slice(0, 10).split("-");
  return fill(words.date, { day, month, year, time });
}

/** Milliseconds since 1970 as local ISO text, in the zone of another such text. */
export function localText(milliseconds, like) {
  const offset = Date.parse(`${like.slice(0, 23)}Z`) - Date.parse(like);
  return new Date(milliseconds + offset).toISOString();
}

/** A message with its `%(name)s` filled in. */
export function fill(message, values) {
  return message.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

/** A figure written as another one is: `412 560 ₽` and 5184 make `5 184 ₽`. */
export function like(text, value) {
  const digits = Number.isInteger(value) ? 0 : 2;
  const format = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text.replace(/\d(?:[\d\s.,]*\d)?/, () => format.format(value));
}

/** The form that a number asks for. */
export function plural(forms, count, language) {
  const category = new Intl.PluralRules(language).select(count);
  return forms[FORMS.indexOf(category)] ?? forms.at(-1);
}
