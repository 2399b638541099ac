<?php
// The module's texts in Romanian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Utilizare',
    'used' => 'Spațiu utilizat',
    'limit' => 'Limită',
    'percent' => 'Utilizat din limită',
    'unlimited' => 'Nelimitat',
    'unknown' => 'necunoscut',
    'last_30_days' => 'ultimele 30 de zile',
    'monthly_average' => 'medie lunară',
    'disk' => 'Spațiu pe disc',
    'disk_gb_month' => 'Spațiu pe disc (UNIT-luni)',
    'traffic_in' => 'Trafic de intrare',
    'traffic_out' => 'Trafic de ieșire',
    'traffic_total' => 'Trafic total',
    'last_reading' => 'Ultima citire',
    'recalculate' => 'Recalculează',
    'too_soon' => 'Datele au fost recalculate acum mai puțin de 10 minute. Încercați din nou mai târziu.',
    'unreachable' => 'Datele nu sunt disponibile momentan.',
    'no_account' => 'Utilizarea acestui serviciu nu este încă măsurată.',
    'no_history' => 'Nu există încă un istoric.',
    'incomplete' => 'incomplet',
    'this_month' => 'luna aceasta',
    'free' => 'Spațiu liber',
    'projected' => 'Estimat până la sfârșitul lunii',
    'limit_on' => 'Limita atinsă în acest ritm',
    'complete' => 'complet',
    'as_of_last' => 'Acestea sunt ultimele valori cunoscute. Momentan nu sunt disponibile altele noi.',
    'byte' => 'B',
    'last_reported' => 'Raportat ultima dată către WHMCS',
    'policy' => 'Politică',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Limitată',
    'pinned' => 'setată manual',
    'update_policy' => 'Actualizează politica',
    'set_standard' => 'Setează politica standard',
    'set_limited' => 'Setează politica limitată',
    'not_allowed' => 'Tokenul serverului nu permite acest lucru.',
];
