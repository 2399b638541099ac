<?php
// Metrics without any server: static, complete, silent; whmeter is not asked.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\UsageBilling\Contracts\Metrics\MetricInterface;
use WHMCS\UsageBilling\Contracts\Metrics\ProviderInterface;

checks([
    'metrics are the same with a server, without one, and with nonsense' => static function (): void {
        foreach ([[], null, entry(['serverport' => '1']), ['serverid' => null]] as $params) {
            $provider = whmeter_MetricProvider($params);
            holds($provider instanceof ProviderInterface, 'a provider');
            $metrics = $provider->metrics();
            $names = ['disk', 'disk_gb_month', 'traffic_in', 'traffic_out', 'traffic_total'];
            same($names, array_keys($metrics), 'names');
            foreach ($metrics as $name => $metric) {
                same($name, $metric->systemName(), 'system name');
                same(1, preg_match('/^[a-z0-9_]+$/D', $name), 'characters the pricing dialogue can take');
                same('GB', $metric->units()->suffix(), 'unit');
                same(null, $metric->usage(), 'usage of a metric as such');
                $type = $name === 'disk' ? MetricInterface::TYPE_SNAPSHOT : MetricInterface::TYPE_PERIOD_MONTH;
                same($type, $metric->type(), $name);
            }
            same('Outgoing traffic', $metrics['traffic_out']->displayName(), 'display name');
        }
        same([], $GLOBALS['module_log'], 'nothing was asked, so nothing failed');
    },
    'metrics are named in the language of the system' => static function (): void {
        $GLOBALS['CONFIG']['Language'] = 'german';
        same('Speicherplatz', whmeter_MetricProvider([])->metrics()['disk']->displayName(), 'German');
        unset($GLOBALS['CONFIG']['Language']);
        same('Disk space', whmeter_MetricProvider([])->metrics()['disk']->displayName(), 'no language set');
    },
    'services are found by username' => static function (): void {
        same('username', whmeter_MetaData()['ListAccountsUniqueIdentifierField'], 'identifier');
        holds(whmeter_MetaData()['RequiresServer'], 'server');
    },
]);
