<?php
// The module's texts in Czech.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Využití',
    'used' => 'Obsazené místo',
    'limit' => 'Limit',
    'percent' => 'Využito z limitu',
    'unlimited' => 'Neomezeno',
    'unknown' => 'neznámé',
    'last_30_days' => 'posledních 30 dní',
    'monthly_average' => 'měsíční průměr',
    'disk' => 'Místo na disku',
    'disk_gb_month' => 'Místo na disku (UNIT-měsíce)',
    'traffic_in' => 'Příchozí provoz',
    'traffic_out' => 'Odchozí provoz',
    'traffic_total' => 'Provoz celkem',
    'last_reading' => 'Poslední měření',
    'recalculate' => 'Přepočítat',
    'too_soon' => 'Údaje byly přepočítány před méně než 10 minutami. Zkuste to prosím později.',
    'unreachable' => 'Údaje nejsou momentálně k dispozici.',
    'no_account' => 'Využití této služby se zatím neměří.',
    'no_history' => 'Zatím není žádná historie.',
    'incomplete' => 'neúplné',
    'this_month' => 'tento měsíc',
    'free' => 'Volné místo',
    'projected' => 'Očekáváno do konce měsíce',
    'limit_on' => 'Limit dosažen při tomto tempu',
    'complete' => 'úplné',
    'as_of_last' => 'Toto jsou poslední známé hodnoty. Nové nejsou momentálně k dispozici.',
    'byte' => 'B',
    'last_reported' => 'Naposledy předáno do WHMCS',
    'policy' => 'Zásada',
    'policy_standard' => 'Standardní',
    'policy_limited' => 'Omezená',
    'pinned' => 'nastaveno ručně',
    'update_policy' => 'Aktualizovat zásadu',
    'set_standard' => 'Nastavit standardní zásadu',
    'set_limited' => 'Nastavit omezenou zásadu',
    'not_allowed' => 'Token serveru to neumožňuje.',
];
