<?php
// The module's texts in Portuguese.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Utilização',
    'used' => 'Espaço utilizado',
    'limit' => 'Limite',
    'percent' => 'Utilizado do limite',
    'unlimited' => 'Ilimitado',
    'unknown' => 'não apurado',
    'last_30_days' => 'últimos 30 dias',
    'monthly_average' => 'média mensal',
    'disk' => 'Espaço em disco',
    'disk_gb_month' => 'Espaço em disco (UNIT-meses)',
    'traffic_in' => 'Tráfego recebido',
    'traffic_out' => 'Tráfego enviado',
    'traffic_total' => 'Tráfego total',
    'last_reading' => 'Última medição',
    'recalculate' => 'Voltar a calcular',
    'too_soon' => 'Os valores foram recalculados há menos de 10 minutos. Volte a tentar mais tarde.',
    'unreachable' => 'De momento os valores não estão disponíveis.',
    'no_account' => 'A utilização deste serviço ainda não é medida.',
    'no_history' => 'Ainda não existe histórico.',
    'incomplete' => 'incompleto',
    'this_month' => 'neste mês',
    'free' => 'Espaço livre',
    'projected' => 'Previsto até ao fim do mês',
    'limit_on' => 'Limite atingido a este ritmo',
    'complete' => 'completo',
    'as_of_last' => 'Estes são os últimos valores conhecidos. De momento não há valores novos.',
    'byte' => 'B',
    'last_reported' => 'Última comunicação ao WHMCS',
    'policy' => 'Política',
    'policy_standard' => 'Normal',
    'policy_limited' => 'Limitada',
    'pinned' => 'definida à mão',
    'update_policy' => 'Actualizar política',
    'set_standard' => 'Definir política normal',
    'set_limited' => 'Definir política limitada',
    'not_allowed' => 'O token da entrada do servidor não o permite.',
];
