<?php
// What was sold: products, configurable options and quantities, as people write them and as WHMCS stores them.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\ServiceList;

const GIB = 1 << 30;

/** A configurable option (of type 1 drop-down, 2 radio, 3 yes or no, 4 quantity), with its choices by id. */
function option(int $id, string $name, int $type, array $choices = []): void
{
    Capsule::$tables['tblproductconfigoptions'][] = ['id' => $id, 'gid' => 1, 'optionname' => $name, 'optiontype' => (string) $type];
    foreach ($choices as $choice => $text) {
        Capsule::$tables['tblproductconfigoptionssub'][] = ['id' => $choice, 'configid' => $id, 'optionname' => $text];
    }
}

/** What a customer has chosen. */
function chosen(int $service, int $option, int $choice, int $count = 0): void
{
    Capsule::$tables['tblhostingconfigoptions'][] = [
        'id' => 1, 'relid' => $service, 'configid' => $option, 'optionid' => $choice, 'qty' => $count,
    ];
}

/** The limits of a service as they are sent. */
function limits(int $service): array
{
    $list = json_decode(json_encode(ServiceList::of(20)['services']), true);
    return array_column($list, 'limits', 'id')[$service];
}

server_row(20);
product(1, 'Metered &amp; more', 'whmeter', ['configoption1' => '100 GiB', 'configoption2' => '1,5 TB']);
product(2, 'Odd', 'whmeter', ['configoption1' => '100 Gigs', 'configoption2' => '1,000 GB', 'configoption4' => '0']);
product(3, 'From JSON', 'puqVPNcp', ['configoption24' => '{&quot;traffic&quot;:&quot;5&quot;,&quot;traffic_unit&quot;:&quot;GB&quot;}']);
product(4, 'Says nothing', 'whmeter');
product(5, 'Endless', 'whmeter', ['configoption1' => '0']);
option(1, 'Additional Bandwidth|Extra traffic', 4);
option(2, 'Disk Space', 1, [21 => '50|50 GB of disk', 22 => '1 TiB', 23 => 'a lot']);
option(3, 'Extra disk', 3);
option(4, 'Control panel', 1, [41 => 'cPanel']);
foreach ([1 => [1, 2, 3, 4, 5, 6, 7, 8], 2 => [20, 21], 3 => [30], 4 => [40, 41], 5 => [50]] as $product => $services) {
    foreach ($services as $service) {
        service($service, 1042, $product, 20, "s-$service", $service === 21 ? 'Terminated' : 'Active');
    }
}
$traffic = 1500000000000;

checks([
    'options are added to what the product says, or stand in its place' => static function () use ($traffic): void {
        chosen(2, 1, 0, 5);
        chosen(2, 4, 41);
        chosen(3, 2, 21);
        chosen(4, 2, 22);
        chosen(4, 3, 0, 1);
        chosen(5, 3, 0, 0);
        same(['storage' => 100 * GIB, 'traffic_out' => $traffic], limits(1), 'the product alone');
        same(['storage' => 100 * GIB, 'traffic_out' => $traffic + 5 * GIB], limits(2), 'a quantity');
        same(['storage' => 500 * GIB, 'traffic_out' => $traffic], limits(3), 'a number of ten each');
        same(['storage' => 1124 * GIB, 'traffic_out' => $traffic], limits(4), 'a size, and some on top');
        same(['storage' => 100 * GIB, 'traffic_out' => $traffic], limits(5), 'not ticked');
        same([], $GLOBALS['activity'] === [] ? [] : array_filter($GLOBALS['activity'], static fn ($line) => str_contains($line, 'option')), 'all could be read');
    },
    'what a product says of warnings and units goes along' => static function (): void {
        $said = static function (array $settings): array {
            [$products, Capsule::$tables['tblproducts']] = [Capsule::$tables['tblproducts'], []];
            product(4, 'Says something', 'whmeter', $settings);
            $list = array_column(json_decode(json_encode(ServiceList::of(20)), true)['services'], null, 'id')[40];
            Capsule::$tables['tblproducts'] = $products;
            return [$list['warn_at'] ?? null, $list['unit'] ?? null, $list['templates']];
        };
        same([80, 'TB', ['notify' => 'Disk & more']], $said(['configoption8' => ' 80 % ', 'configoption9' => 'tb', 'configoption5' => 'Disk &amp; more']), 'all of it');
        same([null, null, []], $said([]), 'nothing');
        same([null, null, []], $said(['configoption8' => '0', 'configoption9' => 'KB']), 'nothing that can be meant');
        foreach (['most', '-1', '10001', '80.5', '1e2'] as $wrong) {
            same(null, $said(['configoption8' => $wrong])[0], $wrong);
        }
    },
    'templates are offered as WHMCS has them, and what was typed before stays' => static function (): void {
        foreach ([['Disk full', 'product', ''], ['Disk full', 'product', 'german'], ['Invoice', 'invoice', ''], ['A &amp; B', 'product', '']] as [$name, $type, $language]) {
            Capsule::$tables['tblemailtemplates'][] = ['id' => 1, 'type' => $type, 'name' => $name, 'language' => $language];
        }
        $products = Capsule::$tables['tblproducts'];
        product(9, 'Typed', 'whmeter', ['configoption6' => 'Typed in earlier']);
        same(['', 'A & B', 'Disk full', 'Typed in earlier'], array_keys(whmeter_MailTemplates()), 'templates');
        Capsule::$tables['tblproducts'] = $products;
        same('whmeter_MailTemplates', whmeter_ConfigOptions()['Notification template']['Loader'], 'loader');
        same('Plan', array_keys(whmeter_ConfigOptions())[6], 'settings keep their places');
    },
    'what is not right with the list goes along, a product\'s fault once' => static function (): void {
        $of = static fn (string $part) => array_values(array_filter(json_decode(json_encode(ServiceList::of(20)), true)['remarks'], static fn ($one) => str_contains($one['said'], $part)));
        same([20], array_column($of('product Odd, storage'), 'service'), 'one service has it still');
        same('sizes', $of('product Odd, storage')[0]['about'], 'about');
        service(22, 1042, 2, 20, 's-22');
        same([[false, 1]], [[isset($of('product Odd, storage')[0]['service']), count($of('product Odd, storage'))]], 'of two it is neither\'s');
        array_pop(Capsule::$tables['tblhosting']);
    },
    'several of a thing have several times its size' => static function () use ($traffic): void {
        Capsule::$tables['tblhosting'][5]['qty'] = 3;
        chosen(6, 1, 0, 2);
        same(['storage' => 300 * GIB, 'traffic_out' => 3 * ($traffic + 2 * GIB)], limits(6), 'with their options');
        Capsule::$columns['tblhosting'] = array_diff(Capsule::$columns['tblhosting'], ['qty']);
        same(['storage' => 100 * GIB, 'traffic_out' => $traffic + 2 * GIB], limits(6), 'before WHMCS had quantities');
        Capsule::$columns['tblhosting'][] = 'qty';
    },
    'what cannot be read is no limit, and is said' => static function () use ($traffic): void {
        chosen(7, 2, 23);
        chosen(40, 1, 0, 7);
        $GLOBALS['activity'] = $GLOBALS['module_log'] = Capsule::$tables['tblconfiguration'] = [];
        same(['traffic_out' => $traffic], limits(7), 'its own size would be too little');
        same([], limits(40), 'on top of nothing');
        same(['traffic_total' => 0], limits(20), 'mistyped');
        same(1, count($GLOBALS['activity']), 'told once');
        foreach (['option "Disk Space": "a lot"', 'product Odd, storage: "100 Gigs"', 'traffic_out: "1,000 GB"', 'option "Additional Bandwidth" adds to'] as $part) {
            holds(str_contains($GLOBALS['activity'][0], $part), "$part in {$GLOBALS['activity'][0]}");
            holds(str_contains($GLOBALS['module_log'][0][3], $part), "$part in the module log");
            $said = (new ReflectionMethod(WHMCS\Module\Server\Whmeter\Connection::class, 'unread'))->invoke(null, 20);
            holds(str_contains($said, $part), "$part in Test Connection: $said");
        }
        Capsule::$tables['tblhosting'] = array_values(array_filter(Capsule::$tables['tblhosting'], static fn ($row) => !in_array($row['id'], [7, 20, 40], true)));
        limits(1);
        same('whmeter: sizes of server 20: well again', $GLOBALS['activity'][1], 'and when it is over; one that is terminated is not worth a word');
    },
    'unlimited stays unlimited' => static function (): void {
        chosen(50, 3, 0, 1);
        same(['storage' => 0], limits(50), 'nothing on top of it');
    },
    'texts are decoded once' => static function (): void {
        same(['traffic_out' => 5 * GIB], limits(30), 'JSON as WHMCS stores it');
        same('Metered & more', ServiceList::of(20)['services'][0]['product'], 'a name');
    },
    'a blank behind a username is nobody\'s' => static function (): void {
        service(60, 1042, 1, 20, " s-60\t ");
        same('s-60', array_column(ServiceList::of(20)['services'], 'username', 'id')[60], 'sent without');
        Push::all();
        $told = file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/recorded');
        holds(str_contains($told, 's-60') && !str_contains($told, ' s-60'), 'arrives without');
        putenv('WHMETER_TOKEN=answer-names-0123456789');
        service(61, 1042, 1, 12, '007 ');
        $usage = whmeter_MetricProvider(entry(['serverid' => 12]))->usage();
        holds(isset($usage['007 ']) && !isset($usage['007']), 'and WHMCS is told the name that it has');
        same(2.0, whmeter_MetricProvider(entry())->tenantUsage('007 ')[0]->usage()->value(), 'alone');
    },
    'two living services of one name are told nothing, and are billed nothing' => static function (): void {
        putenv('WHMETER_TOKEN=answer-companion-0123456789');
        service(70, 1042, 1, 12, '1042-7731');
        $page = static fn () => whmeter_ClientArea(entry() + ['serviceid' => 70, 'username' => '1042-7731'])['templateVariables']['whmeterPage'];
        $figures = static fn () => [
            count(whmeter_MetricProvider(entry())->usage()),
            count(whmeter_MetricProvider(entry())->tenantUsage('1042-7731')),
            str_contains($page(), '93.41'),
        ];
        same([1, 1, true], $figures(), 'one');
        service(71, 666, 1, 12, '1042-7731 ');
        same([0, 0, false], $figures(), 'two');
        $fields = whmeter_AdminServicesTabFields(entry() + ['serviceid' => 71, 'username' => '1042-7731 ']);
        holds(str_contains(implode('', $fields), 'services 70, 71'), json_encode($fields));
        holds(whmeter_recalc(entry() + ['serviceid' => 71, 'username' => '1042-7731']) !== 'success', 'the button');
        whmeter_UsageUpdate(entry());
        $written = array_column(Capsule::$tables['tblhosting'], 'diskusage', 'id');
        same([7, 7], [$written[70], $written[71]], 'overage');
        $said = (new ReflectionMethod(WHMCS\Module\Server\Whmeter\Connection::class, 'ambiguous'))->invoke(null, 12);
        holds(str_contains($said, '1042-7731 (services 70, 71)'), $said);
        Capsule::$tables['tblhosting'][array_key_last(Capsule::$tables['tblhosting'])]['domainstatus'] = 'Terminated';
        same([1, 1, true], $figures(), 'one is over');
    },
]);
