<?php
// The module's texts in the Portuguese of Brazil.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Uso',
    'used' => 'Espaço usado',
    'limit' => 'Limite',
    'percent' => 'Usado do limite',
    'unlimited' => 'Ilimitado',
    'unknown' => 'desconhecido',
    'last_30_days' => 'últimos 30 dias',
    'monthly_average' => 'média por mês',
    'disk' => 'Espaço em disco',
    'disk_gb_month' => 'Espaço em disco (UNIT-meses)',
    'traffic_in' => 'Tráfego de entrada',
    'traffic_out' => 'Tráfego de saída',
    'traffic_total' => 'Tráfego total',
    'last_reading' => 'Última leitura',
    'recalculate' => 'Recalcular',
    'too_soon' => 'Os valores foram recalculados há menos de 10 minutos. Tente novamente mais tarde.',
    'unreachable' => 'Os valores não estão disponíveis no momento.',
    'no_account' => 'O uso deste serviço ainda não é medido.',
    'no_history' => 'Ainda não há histórico.',
    'incomplete' => 'incompleto',
    'this_month' => 'este mês',
    'free' => 'Espaço livre',
    'projected' => 'Previsto para o fim do mês',
    'limit_on' => 'Limite atingido neste ritmo',
    'complete' => 'completo',
    'as_of_last' => 'Estes são os últimos valores conhecidos. Novos valores não estão disponíveis no momento.',
    'byte' => 'B',
    'last_reported' => 'Último envio ao WHMCS',
    'policy' => 'Política',
    'policy_standard' => 'Padrão',
    'policy_limited' => 'Limitada',
    'pinned' => 'definida manualmente',
    'update_policy' => 'Atualizar política',
    'set_standard' => 'Definir política padrão',
    'set_limited' => 'Definir política limitada',
    'not_allowed' => 'O token do servidor cadastrado não permite isto.',
];
