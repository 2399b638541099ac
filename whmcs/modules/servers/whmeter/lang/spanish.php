<?php
// The module's texts in Spanish.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Uso',
    'used' => 'Espacio utilizado',
    'limit' => 'Límite',
    'percent' => 'Porcentaje del límite usado',
    'unlimited' => 'Ilimitado',
    'unknown' => 'desconocido',
    'last_30_days' => 'últimos 30 días',
    'monthly_average' => 'promedio mensual',
    'disk' => 'Espacio en disco',
    'disk_gb_month' => 'Espacio en disco (UNIT-mes)',
    'traffic_in' => 'Tráfico entrante',
    'traffic_out' => 'Tráfico saliente',
    'traffic_total' => 'Tráfico total',
    'last_reading' => 'Última lectura',
    'recalculate' => 'Recalcular',
    'too_soon' => 'Los datos se recalcularon hace menos de 10 minutos. Inténtelo de nuevo más tarde.',
    'unreachable' => 'Los datos no están disponibles en este momento.',
    'no_account' => 'El uso de este servicio aún no se mide.',
    'no_history' => 'Todavía no hay historial.',
    'incomplete' => 'incompleto',
    'this_month' => 'este mes',
    'free' => 'Espacio libre',
    'projected' => 'Previsto para fin de mes',
    'limit_on' => 'Límite alcanzado a este ritmo',
    'complete' => 'completo',
    'as_of_last' => 'Estos son los últimos valores conocidos. En este momento no hay nuevos.',
    'byte' => 'B',
    'last_reported' => 'Último envío a WHMCS',
    'policy' => 'Política',
    'policy_standard' => 'Estándar',
    'policy_limited' => 'Limitada',
    'pinned' => 'fijada manualmente',
    'update_policy' => 'Actualizar política',
    'set_standard' => 'Aplicar política estándar',
    'set_limited' => 'Aplicar política limitada',
    'not_allowed' => 'El token del servidor no permite esta acción.',
];
