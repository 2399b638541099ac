<?php
// The module's texts in Croatian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Potrošnja',
    'used' => 'Zauzeti prostor',
    'limit' => 'Ograničenje',
    'percent' => 'Iskorišteno od ograničenja',
    'unlimited' => 'Neograničeno',
    'unknown' => 'nepoznato',
    'last_30_days' => 'posljednjih 30 dana',
    'monthly_average' => 'mjesečni prosjek',
    'disk' => 'Prostor na disku',
    'disk_gb_month' => 'Prostor na disku (UNIT-mjeseci)',
    'traffic_in' => 'Dolazni promet',
    'traffic_out' => 'Odlazni promet',
    'traffic_total' => 'Ukupni promet',
    'last_reading' => 'Posljednje mjerenje',
    'recalculate' => 'Ponovno izračunaj',
    'too_soon' => 'Podaci su ponovno izračunati prije manje od 10 minuta. Pokušajte kasnije.',
    'unreachable' => 'Podaci trenutačno nisu dostupni.',
    'no_account' => 'Potrošnja ove usluge još se ne mjeri.',
    'no_history' => 'Još nema povijesti.',
    'incomplete' => 'nepotpuno',
    'this_month' => 'ovaj mjesec',
    'free' => 'Slobodan prostor',
    'projected' => 'Očekivano do kraja mjeseca',
    'limit_on' => 'Ograničenje dosegnuto ovim tempom',
    'complete' => 'potpuno',
    'as_of_last' => 'Ovo su posljednji poznati podaci. Novi trenutačno nisu dostupni.',
    'byte' => 'B',
    'last_reported' => 'Zadnje prijavljeno WHMCS-u',
    'policy' => 'Pravilo',
    'policy_standard' => 'Standardno',
    'policy_limited' => 'Ograničeno',
    'pinned' => 'ručno postavljeno',
    'update_policy' => 'Ažuriraj pravilo',
    'set_standard' => 'Postavi standardno pravilo',
    'set_limited' => 'Postavi ograničeno pravilo',
    'not_allowed' => 'Token poslužitelja to ne dopušta.',
];
