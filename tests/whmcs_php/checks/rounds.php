<?php
// Companions as they drift: what should be against what is, mended in the cron, and named where people decide.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Companions;
use WHMCS\Module\Server\Whmeter\CompanionRounds;
use WHMCS\Module\Server\Whmeter\Memory;

/** The services that stand beside one, each as "id product server status". */
function beside(int $service): array
{
    $its = array_filter(Capsule::$tables['tblhosting'], static fn ($row) => $row['username'] === "whm-$service");
    $said = array_map(static fn ($row) => "{$row['id']} {$row['packageid']} {$row['server']} {$row['domainstatus']}", $its);
    return array_values($said);
}

/** Changes rows of tblhosting. */
function changed(int $id, array $fields): void
{
    foreach (Capsule::$tables['tblhosting'] as &$row) {
        $row = $row['id'] === $id ? $fields + $row : $row;
    }
}

/** What the Activity Log was told since the last look. */
function told(): array
{
    [$told, $GLOBALS['activity']] = [$GLOBALS['activity'], []];
    return array_values(array_filter($told, static fn ($line) => str_contains($line, 'companions')));
}

/** Goes round twice: the second time there must be nothing to do. */
function rounds(string $what): void
{
    CompanionRounds::go();
    $left = array_filter(CompanionRounds::differences(), static fn ($one) => $one['do'] !== null);
    same([], array_column($left, 'said'), "$what: left");
    asked_of_whmcs();
    CompanionRounds::go();
    same([], asked_of_whmcs(), "$what: nothing twice");
}

server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 100', 'puqMinIOS3');
product(18, 'S3 Storage by the hour', 'puqMinIOS3');
product(31, 'Metered usage', 'whmeter');
product(32, 'Metered usage, the old prices', 'whmeter');
api_of_services(8001);
foreach ([7701 => 'Active', 7702 => 'Suspended', 7703 => 'Terminated', 7704 => 'Pending'] as $id => $status) {
    service($id, 1042, 17, 12, "1042-$id", $status);
}
service(7705, 1043, 18, 12, 'has-none');

checks([
    'services that were there before get theirs, and are told of once' => static function (): void {
        $accept = $GLOBALS['api_answers']['AcceptOrder'];
        $GLOBALS['api_answers']['AcceptOrder'] = ['result' => 'error', 'message' => 'not now'];
        run_hook('AfterCronJob');
        $told = told();
        same(1, count($told), 'told once');
        holds(str_contains($told[0], 'service 7701 has no companion') && str_contains($told[0], 'not now'), $told[0]);
        run_hook('AfterCronJob');
        same([], told(), 'not again');
        // One that is taken up and has no name yet is not taken up again: WHMCS would refuse that.
        $update = $GLOBALS['api_answers']['UpdateClientProduct'];
        $GLOBALS['api_answers']['AcceptOrder'] = $accept;
        $GLOBALS['api_answers']['UpdateClientProduct'] = ['result' => 'error', 'message' => 'not now either'];
        run_hook('AfterCronJob');
        told();
        $GLOBALS['api_answers']['UpdateClientProduct'] = $update;
        same(2, count(array_filter(asked_of_whmcs(), static fn ($call) => $call[0] === 'AddOrder')), 'an order that was not finished is not made again');
        rounds('all of them');
        same([['8001 31 20 Active'], ['8002 31 20 Suspended'], [], [], []], array_map('beside', range(7701, 7705)), 'as their services are');
        same(['whmeter: companions: well again'], told(), 'and that it is over');
        same([], Memory::read(Memory::COMPANIONS), 'nothing is begun');
    },
    'another product, server or state follows' => static function (): void {
        changed(8001, ['packageid' => 32]);
        rounds('product');
        changed(8001, ['server' => 0]);
        rounds('server');
        changed(8001, ['domainstatus' => 'Pending']);
        rounds('never begun');
        changed(7701, ['domainstatus' => 'Suspended']);
        rounds('suspended by hand');
        same(['8001 31 20 Suspended'], beside(7701), 'suspended');
        changed(7701, ['domainstatus' => 'Active']);
        rounds('and restored');
        same(['8001 31 20 Active'], beside(7701), 'restored');
    },
    'terminated, and created again' => static function (): void {
        changed(7701, ['domainstatus' => 'Terminated']);
        rounds('terminated');
        same(['8001 31 20 Terminated'], beside(7701), 'ends with it');
        changed(7701, ['domainstatus' => 'Active']);
        run_hook('AfterModuleCreate', ['params' => ['serviceid' => 7701]]);
        same(['8001 31 20 Active'], beside(7701), 'the same goes on');
        rounds('created again');
    },
    'a service that was cancelled by hand, deleted or given away leaves none behind' => static function (): void {
        changed(7701, ['domainstatus' => 'Cancelled']);
        rounds('cancelled');
        same(['8001 31 20 Terminated'], beside(7701), 'cancelled');
        changed(7701, ['domainstatus' => 'Active']);
        rounds('back');
        changed(7702, ['userid' => 99, 'domainstatus' => 'Active']);
        rounds('given away');
        same(['8002 31 20 Terminated', '8003 31 20 Active'], beside(7702), 'the new client has one of his own');
        service(8050, 5, 31, 20, 'whm-404');
        rounds('never there');
        same(['8050 31 20 Terminated'], beside(404), 'deleted');
    },
    'what people must decide is named, and left alone' => static function (): void {
        told();
        service(8060, 1042, 31, 20, 'whm-7701');
        rounds('two');
        same(2, count(array_filter(beside(7701), static fn ($one) => str_contains($one, 'Active'))), 'both are there still');
        holds(str_contains(told()[0], 'service 7701 has several companions (8001, 8060)'), 'named');
        changed(8060, ['domainstatus' => 'Terminated']);
        changed(7701, ['packageid' => 18]);
        rounds('a product without');
        same(['8001 31 20 Active', '8060 31 20 Terminated'], beside(7701), 'left');
        holds(str_contains(told()[0], 'companion 8001 stands beside service 7701, whose product has none'), 'named');
        changed(7701, ['packageid' => 17]);
        rounds('back');
    },
    'at most twenty at a time' => static function (): void {
        foreach (range(9001, 9050) as $id) {
            service($id, 7, 17, 12, "7-$id");
        }
        foreach ([20, 20, 10, 0] as $expected) {
            asked_of_whmcs();
            CompanionRounds::go();
            same($expected, count(array_filter(asked_of_whmcs(), static fn ($call) => $call[0] === 'AddOrder')), 'orders');
        }
    },
    'Test Connection names what is not' => static function (): void {
        service(9999, 7, 17, 12, 'new');
        $said = static fn () => (new ReflectionMethod(WHMCS\Module\Server\Whmeter\Connection::class, 'companions'))->invoke(null, 12);
        holds(str_contains($said(), 'service 9999 has no companion'), $said());
        Companions::create(9999);
        same('', $said(), 'nothing');
    },
    'without a table nothing is ended' => static function (): void {
        $settings = new ReflectionProperty(WHMCS\Module\Server\Whmeter\Settings::class, 'read');
        foreach ([[], ['companions' => []]] as $given) {
            [$before, $given] = [$settings->getValue(), $given];
            $settings->setValue(null, $given);
            asked_of_whmcs();
            CompanionRounds::go();
            same([], asked_of_whmcs(), 'nothing');
            $settings->setValue(null, $before);
        }
    },
]);
