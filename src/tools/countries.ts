const E164 = /^\+[1-9]\d{6,14}$/;

/** Gives the country of a number; undefined for what is none, such as a SIP address or an extension. */
export type CountryOf = (number: string) => string | undefined;

/**
 * Gives what tells the country of an E.164 number: ISO 3166-1 alpha-2, or the calling code where that is of no country, as of
 * satellites (+881). Loaded when there is a call to tell it of, since all the countries weigh something.
 */
export async function loadCountries(): Promise<CountryOf> {
  const { parsePhoneNumberFromString } = await import('libphonenumber-js/min');
  return (number) => {
    const parsed = E164.test(number) ? parsePhoneNumberFromString(number, { extract: false }) : undefined;
    if (!parsed?.isPossible()) return undefined;
    return parsed.country ?? `+${parsed.countryCallingCode}`;
  };
}
