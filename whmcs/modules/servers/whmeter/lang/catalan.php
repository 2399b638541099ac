<?php
// The module's texts in Catalan.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Ús',
    'used' => 'Espai utilitzat',
    'limit' => 'Límit',
    'percent' => 'Percentatge del límit utilitzat',
    'unlimited' => 'Il·limitat',
    'unknown' => 'desconegut',
    'last_30_days' => 'últims 30 dies',
    'monthly_average' => 'mitjana mensual',
    'disk' => 'Espai de disc',
    'disk_gb_month' => 'Espai de disc (UNIT-mes)',
    'traffic_in' => 'Trànsit entrant',
    'traffic_out' => 'Trànsit sortint',
    'traffic_total' => 'Trànsit total',
    'last_reading' => 'Última lectura',
    'recalculate' => 'Recalcula',
    'too_soon' => 'Les dades s\'han recalculat fa menys de 10 minuts. Torneu-ho a provar més tard.',
    'unreachable' => 'Les dades no estan disponibles en aquest moment.',
    'no_account' => 'L\'ús d\'aquest servei encara no es mesura.',
    'no_history' => 'Encara no hi ha historial.',
    'incomplete' => 'incomplet',
    'this_month' => 'aquest mes',
    'free' => 'Espai lliure',
    'projected' => 'Previst per a final de mes',
    'limit_on' => 'Límit assolit a aquest ritme',
    'complete' => 'complet',
    'as_of_last' => 'Aquests són els últims valors coneguts. En aquest moment no n’hi ha de nous.',
    'byte' => 'B',
    'last_reported' => 'Darrer enviament a WHMCS',
    'policy' => 'Política',
    'policy_standard' => 'Estàndard',
    'policy_limited' => 'Limitada',
    'pinned' => 'fixada manualment',
    'update_policy' => 'Actualitza la política',
    'set_standard' => 'Aplica la política estàndard',
    'set_limited' => 'Aplica la política limitada',
    'not_allowed' => 'El testimoni del servidor no permet aquesta acció.',
];
